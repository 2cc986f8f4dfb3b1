-- note.lua - for wrk: a note of 130 bytes is put.
wrk.method = "PUT"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"title": "Milk and bread", "text": "From the shop at the corner, before noon", ' ..
  '"stars": 3, "done": false, "tags": ["home", "food"]}'
