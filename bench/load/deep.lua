-- deep.lua - for wrk: 16 requests at a time on each connection.
init = function(args)
  local one = wrk.format()
  local all = {}
  for i = 1, 16 do
    all[i] = one
  end
  deep = table.concat(all)
end

request = function()
  return deep
end
