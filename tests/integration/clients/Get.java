// java Get.java URL AUTHORITY: the conversation of conversation.py with java.net.http.HttpClient.
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse.BodyHandlers;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.HexFormat;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public class Get {
    static HttpClient client;
    static String base;

    static SSLContext trusting(String path) throws Exception {
        var store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (var file = new FileInputStream(path)) {
            store.setCertificateEntry("authority", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        var trusted = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trusted.init(store);
        var context = SSLContext.getInstance("TLS");
        context.init(null, trusted.getTrustManagers(), null);
        return context;
    }

    static byte[] get(String path) throws Exception {
        return client.send(HttpRequest.newBuilder(URI.create(base + path)).build(), BodyHandlers.ofByteArray()).body();
    }

    static byte[] post(String path, byte[] body) throws Exception {
        var request = HttpRequest.newBuilder(URI.create(base + path)).POST(HttpRequest.BodyPublishers.ofByteArray(body)).build();
        return client.send(request, BodyHandlers.ofByteArray()).body();
    }

    static String sha256(byte[] data) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(data));
    }

    public static void main(String[] args) throws Exception {
        base = args[0];
        client = HttpClient.newBuilder().sslContext(trusting(args[1])).build();
        var hello = get("/hello");
        var body = new byte[300000];
        Arrays.fill(body, (byte) 'e');
        var echoed = sha256(post("/echo", body));
        var large = sha256(get("/large"));
        int again = 0;
        for (int i = 0; i < 20; i++)
            again += Arrays.equals(get("/hello"), hello) ? 1 : 0;
        System.out.println(new String(hello) + " " + echoed + " " + large + " " + again);
    }
}
