// node fetch.mjs URL: the conversation of conversation.py with Node's fetch (NODE_EXTRA_CA_CERTS has the authority).
import { createHash } from "node:crypto";

const base = process.argv[2];
const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");
const get = async (path, more) => Buffer.from(await (await fetch(base + path, more)).arrayBuffer());

const hello = (await get("/hello")).toString();
const echoed = sha256(await get("/echo", { method: "POST", body: Buffer.alloc(300000, "e") }));
const large = sha256(await get("/large"));
let again = 0;
for (let i = 0; i < 20; i++) {
    again += (await get("/hello")).toString() === hello;
}
console.log(hello, echoed, large, again);
