// SPDX-License-Identifier: MIT
// npm's `ws`: a WebSocket server that echoes. Prints `port N`.
//
//     node ws.js FOLDER 0         FOLDER: where its node_modules are
//
// Without compression, which its manual advises against unless it is needed; with `bufferutil`, which
// it advises, where that could be installed: ws takes it by itself.
const path = require('path');
const { WebSocketServer } = require(path.join(process.argv[2], 'node_modules', 'ws'));

const server = new WebSocketServer({ port: 0, host: '127.0.0.1', backlog: 1024, perMessageDeflate: false });
server.on('listening', () => console.log('port ' + server.address().port));
server.on('connection', (ws) => {
  ws.on('message', (data, isBinary) => ws.send(data, { binary: isBinary }));
});
