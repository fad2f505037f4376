// SPDX-License-Identifier: MIT
// Node's undici and autocannon against our server: node clients.mjs FOLDER ORIGIN, where FOLDER has node_modules. Each check is an
// assertion; prints "ok N" at the end.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { Readable } from 'node:stream';

const [folder, origin] = process.argv.slice(2);
const require = createRequire(folder + '/');
const { Agent, Pool, Client, fetch } = require('undici');
const autocannon = require('autocannon');
let checks = 0;
const is = (actual, expected, what) => { assert.deepEqual(actual, expected, what); checks++; };
const large = 'abcdefghijklmnopqrstuvwxyz'.repeat(115385).slice(0, 3000000);

// ---- undici ----
const client = new Client(origin, { pipelining: 10 });

// Sent ahead, ten at a time: each answer is its own.
const answers = await Promise.all(Array.from({ length: 100 }, async (_, i) => {
    const { statusCode, body } = await client.request({ path: `/hello/n${i}`, method: 'GET' });
    return [statusCode, await body.text()];
}));
answers.forEach(([status, text], i) => is([status, text], [200, `Hello, n${i}\n`], 'pipelined'));

const head = await client.request({ path: '/hello/x', method: 'HEAD' });
is([head.statusCode, head.headers['content-length'], await head.body.text()], [200, '9', ''], 'HEAD');

for (const path of ['/large', '/pieces']) {
    const got = await client.request({ path, method: 'GET' });
    is(await got.body.text() === large, true, path);
    is(got.headers['transfer-encoding'], path === '/pieces' ? 'chunked' : undefined, path);
}

// A body without a length goes in chunks, and comes back in chunks.
const pieces = Array.from({ length: 200 }, (_, i) => Buffer.alloc(1 + i * 37, 65 + i % 26));
const sent = Buffer.concat(pieces);
const echoed = await client.request({ path: '/echo', method: 'POST', body: Readable.from(pieces) });
is(Buffer.from(await echoed.body.arrayBuffer()).equals(sent), true, 'chunked both ways');
const whole = await client.request({ path: '/whole', method: 'POST', body: sent.subarray(0, 900000) });
is(Buffer.from(await whole.body.arrayBuffer()).equals(sent), true, 'with its length');
const refused = await client.request({ path: '/whole', method: 'POST', body: Buffer.alloc(2000000) });
is(refused.statusCode, 413, 'more than is read');
await refused.body.dump();
const none = await client.request({ path: '/nothing', method: 'GET' });
is([none.statusCode, (await none.body.text()).slice(0, 3)], [404, '404'], 'no such path');
const wrong = await client.request({ path: '/echo', method: 'DELETE' });
is([wrong.statusCode, wrong.headers.allow], [405, 'POST, PUT'], 'no such method');
await wrong.body.dump();
const file = await client.request({ path: '/static/file.txt', method: 'GET' });
is(await file.body.text(), 'a file\n', 'a file');
const same = await client.request({ path: '/static/file.txt', method: 'GET', headers: { 'if-none-match': file.headers.etag } });
is([same.statusCode, await same.body.text()], [304, ''], 'not modified');
const part = await client.request({ path: '/static/file.txt', method: 'GET', headers: { range: 'bytes=2-5' } });
is([part.statusCode, await part.body.text()], [206, 'file'], 'a range');
await client.close();

// One that goes away in the middle of an answer leaves the others alone.
const pool = new Pool(origin, { connections: 4 });
const abort = new AbortController();
const cut = await pool.request({ path: '/pieces', method: 'GET', signal: abort.signal });
await assert.rejects(async () => { for await (const _ of cut.body) abort.abort(); });
const after = await Promise.all(Array.from({ length: 20 }, () => pool.request({ path: '/slow', method: 'GET' }).then((r) => r.body.text())));
is(after, Array(20).fill('slow\n'), 'after one that was cut');
await pool.close();

const agent = new Agent({ keepAliveTimeout: 10000 });
const fetched = await fetch(origin + '/sum', { method: 'PUT', body: large, dispatcher: agent });
is(parseInt(await fetched.text()), 3000000, 'fetch');
await agent.close();

// ---- autocannon ----
for (const [path, body, pipelining] of [['/hello/cannon', 'Hello, cannon\n', 1], ['/hello/ahead', 'Hello, ahead\n', 8]]) {
    const result = await autocannon({ url: origin + path, connections: 8, pipelining, amount: 2000, expectBody: body });
    is([result.non2xx, result.errors, result.timeouts, result.mismatches], [0, 0, 0, 0], 'autocannon ' + path);
    // It does not count what it has ahead when its amount is reached: of Node's own server neither.
    assert(result['2xx'] >= 2000 - 8 * (pipelining - 1), `autocannon ${path}: ${result['2xx']}`);
}
const posted = await autocannon({ url: origin + '/whole', method: 'POST', body: 'cannon ball', connections: 8, amount: 1000, expectBody: 'cannon ball' });
is([posted.non2xx, posted.errors, posted.mismatches, posted['2xx']], [0, 0, 0, 1000], 'autocannon POST');
console.log('ok', checks);
