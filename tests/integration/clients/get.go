// get URL AUTHORITY: the conversation of conversation.py with net/http.
package main

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net/http"
	"os"
)

var client *http.Client

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func body(response *http.Response, err error) []byte {
	must(err)
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	must(err)
	return data
}

func main() {
	base, authorities := os.Args[1], x509.NewCertPool()
	text, err := os.ReadFile(os.Args[2])
	must(err)
	authorities.AppendCertsFromPEM(text)
	client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authorities}}}
	hello := body(client.Get(base + "/hello"))
	echoed := body(client.Post(base+"/echo", "text/plain", bytes.NewReader(bytes.Repeat([]byte("e"), 300000))))
	large := body(client.Get(base + "/large"))
	again := 0
	for i := 0; i < 20; i++ {
		if bytes.Equal(body(client.Get(base+"/hello")), hello) {
			again++
		}
	}
	fmt.Printf("%s %x %x %d\n", hello, sha256.Sum256(echoed), sha256.Sum256(large), again)
}
