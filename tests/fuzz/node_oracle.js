#!/usr/bin/env node
/* node_oracle.js EMITTER CORPUS...: reads what Weldr would send with Node's parser (llhttp, strict) and
 * demands one message with the same framing and body. The record format stands in emit_main.c. */
'use strict';
const { execFileSync } = require('child_process');
const { METHODS } = require('http');
const { HTTPParser } = require('_http_common');

const MAX_HEAD_BYTES = 1 << 20;

/* The heads and bodies that Node finds, and its complaint. */
function parse(record) {
    const found = { heads: [], ends: 0, body: [], trailers: 0 };
    const parser = new HTTPParser();
    const type = record.kind === 'request' ? HTTPParser.REQUEST : HTTPParser.RESPONSE;
    let pending = [];
    parser.initialize(type, {}, MAX_HEAD_BYTES, 0);
    parser[HTTPParser.kOnHeaders] = (fields) => {
        pending = pending.concat(fields);
    };
    parser[HTTPParser.kOnHeadersComplete] = (major, minor, fields, method, url, status) => {
        const all = pending.concat(fields || []);
        pending = [];
        found.heads.push({ version: `${major}.${minor}`, method, url, status, fields: pairs(all) });
        return type === HTTPParser.RESPONSE && record.method === 'HEAD' ? 1 : 0;
    };
    parser[HTTPParser.kOnBody] = (chunk, offset, length) => {
        const piece = offset === undefined ? chunk : chunk.slice(offset, offset + length);
        found.body.push(Buffer.from(piece));
    };
    parser[HTTPParser.kOnMessageComplete] = () => {
        found.ends++;
    };
    const result = parser.execute(record.sent, 0, record.sent.length);
    found.error = result instanceof Error ? result : undefined;
    found.endsBeforeClose = found.ends;
    if (!found.error && parser.finish() instanceof Error)
        found.isCut = true;
    parser.close();
    return found;
}

function pairs(list) {
    const fields = [];
    for (let i = 0; i + 1 < list.length; i += 2)
        fields.push([list[i].toLowerCase(), list[i + 1]]);
    return fields;
}

function framingOf(fields) {
    const framing = fields.filter(([name]) => name === 'content-length' || name === 'transfer-encoding');
    if (framing.length > 1)
        return 'two framings';
    if (framing.length === 0)
        return 'none';
    return framing[0][0] === 'content-length' ? 'length' : framing[0][1].toLowerCase();
}

function isFramingRight(record, head) {
    const framing = framingOf(head.fields);
    const right = {
        bare: ['none', 'length', 'chunked'],
        length: ['length'],
        chunked: ['chunked'],
        close: ['none'],
    };
    if (record.kind === 'request' && record.framing === 'bare')
        return framing === 'none';
    return right[record.framing].includes(framing);
}

/* What is wrong; undefined when nothing is. */
function complain(record) {
    const found = parse(record);
    const wanted = record.infoN + 1;
    if (found.error)
        return `refused: ${found.error.code} ${found.error.reason}`;
    if (found.heads.length !== wanted)
        return `${found.heads.length} heads instead of ${wanted}`;
    if (!record.isWhole)
        return found.endsBeforeClose === wanted && record.framing !== 'close' ? 'looks whole' : undefined;
    const endsWanted = record.framing === 'close' ? wanted - 1 : wanted;
    if (found.endsBeforeClose !== endsWanted || found.isCut)
        return `${found.endsBeforeClose} ends instead of ${endsWanted}`;
    const head = found.heads[found.heads.length - 1];
    if (!isFramingRight(record, head))
        return `framing ${framingOf(head.fields)} instead of ${record.framing}`;
    if (!Buffer.concat(found.body).equals(record.body))
        return 'another body';
    if (record.kind !== 'request' && head.status !== record.status)
        return `status ${head.status} instead of ${record.status}`;
    return undefined;
}

function* records(output) {
    let at = 0;
    while (at < output.length) {
        const lineEnd = output.indexOf(10, at);
        const words = output.toString('latin1', at, lineEnd).split(' ');
        const [sentBytes, bodyBytes] = [Number(words[7]), Number(words[8])];
        const sentAt = lineEnd + 1;
        at = sentAt + sentBytes + bodyBytes;
        yield {
            file: words[0],
            kind: words[1],
            method: words[2],
            status: Number(words[3]),
            framing: words[4],
            isWhole: words[5] === '1',
            infoN: Number(words[6]),
            sent: output.subarray(sentAt, sentAt + sentBytes),
            body: output.subarray(sentAt + sentBytes, at),
        };
    }
}

function main(emitter, corpora) {
    const output = execFileSync(emitter, corpora, { maxBuffer: 1 << 28 });
    const counts = { read: 0, unknownMethod: 0, failed: 0 };
    for (const record of records(output)) {
        /* Node knows a fixed list of methods and refuses all others. */
        if (!METHODS.includes(record.method)) {
            counts.unknownMethod++;
            continue;
        }
        counts.read++;
        const complaint = complain(record);
        if (complaint === undefined)
            continue;
        counts.failed++;
        console.log(`${record.file} ${record.kind} ${record.method}: ${complaint}`);
        console.log(JSON.stringify(record.sent.toString('latin1').slice(0, 600)));
    }
    console.log(`node ${process.version}: read ${counts.read} messages, ${counts.failed} wrong, ` +
        `${counts.unknownMethod} with methods that Node does not know`);
    return counts.failed === 0 && counts.read > 100 ? 0 : 1;
}

process.exit(main(process.argv[2], process.argv.slice(3)));
