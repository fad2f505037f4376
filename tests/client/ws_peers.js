// SPDX-License-Identifier: MIT
// The other side of ws_peers_test.c: npm's `ws`, as server (prints its port, echoes) or as client of
// a server that echoes (prints ok). Its folder is argv[2].
const path = require('path');
const { WebSocket, WebSocketServer } = require(path.join(process.argv[2], 'node_modules', 'ws'));
const [, , , role, mode, url] = process.argv;
const deflates = {
  plain: false,
  deflate: { threshold: 0 },
  small: { threshold: 0, serverMaxWindowBits: 10, clientMaxWindowBits: 9 },
  forget: { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
};

function fail(why) {
  console.log('failed: ' + why);
  process.exit(1);
}

if (role === 'server') {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: deflates[mode],
    handleProtocols: (offered) => (offered.has('chat') ? 'chat' : false) });
  server.on('listening', () => console.log(server.address().port));
  server.on('connection', (ws) => {
    ws.on('message', (data, isBinary) => {
      if (!isBinary && data.toString() === 'close me')
        ws.close(3005, 'bye');
      else if (!isBinary && data.toString() === 'fragments') {
        for (let i = 0; i < 10; i++)
          ws.send('piece ' + i + ';', { fin: i === 9 });
        ws.ping('in between');
      } else
        ws.send(data, { binary: isBinary });
    });
  });
} else {
  const ws = new WebSocket(url, ['other', 'chat'], { perMessageDeflate: deflates[mode] });
  const sizes = [0, 1, 125, 126, 127, 1000, 65535, 65536, 300000];
  const messages = [];
  for (const size of sizes) {
    messages.push('x\u00e9\u{1f600}'.repeat(size).slice(0, size));
    const noise = Buffer.alloc(size);
    for (let i = 0; i < size; i++)
      noise[i] = (i * i * 31) >> 5;
    messages.push(noise);
  }
  let next = 0, ponged = false;
  ws.on('open', () => {
    if (ws.protocol !== 'chat')
      fail('protocol ' + ws.protocol);
    if ((mode !== 'plain') !== ws.extensions.startsWith('permessage-deflate'))
      fail('extensions ' + ws.extensions);
    ws.ping('are you there');
    for (const message of messages)
      ws.send(message, { fin: true });
  });
  ws.on('pong', (data) => { ponged = data.toString() === 'are you there'; });
  ws.on('message', (data, isBinary) => {
    const sent = messages[next++];
    if (isBinary ? !data.equals(sent) : data.toString() !== Buffer.from(sent).toString())
      fail('message ' + (next - 1));
    if (next === messages.length)
      ws.close(3007, 'enough');
  });
  ws.on('error', (error) => fail(error.message));
  ws.on('close', (code) => {
    if (code !== 3007 || next !== messages.length || !ponged)
      fail('closed ' + code + ' after ' + next);
    console.log('ok');
  });
}
