// node serve.mjs CERTIFICATE KEY: an https server that answers with the path that it was asked for; it prints its port.
import { readFileSync } from "node:fs";
import { createServer } from "node:https";

const options = { cert: readFileSync(process.argv[2]), key: readFileSync(process.argv[3]) };
const server = createServer(options, (request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => response.end(`${request.method} ${request.url} ${Buffer.concat(parts).length}`));
});
server.listen(0, "127.0.0.1", () => console.log(server.address().port));
