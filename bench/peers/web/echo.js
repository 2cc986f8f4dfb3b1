// echo.js - a WebSocket echo with ws: node echo.js PORT
const {WebSocketServer} = require('ws');

const server = new WebSocketServer(
  {port: Number(process.argv[2]), host: '127.0.0.1', perMessageDeflate: false, backlog: 4096},
  () => console.log('ready'));
server.on('connection', (socket) => {
  socket.on('message', (data, isBinary) => socket.send(data, {binary: isBinary}));
});
