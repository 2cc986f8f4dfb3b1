// hello.js - "Hello, World!" with Node's http: node hello.js PORT
const http = require('http');

http.createServer((request, response) => {
  response.writeHead(200, {'Content-Type': 'text/plain', 'Content-Length': 13});
  response.end('Hello, World!');
}).listen(Number(process.argv[2]), '127.0.0.1', () => console.log('ready'));
