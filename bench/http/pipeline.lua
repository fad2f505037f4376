-- SPDX-License-Identifier: MIT
-- wrk: sixteen requests at once on each connection, and the next sixteen when all are answered.
init = function(args)
    local requests = {}
    for i = 1, 16 do
        requests[i] = wrk.format(nil, wrk.path)
    end
    batch = table.concat(requests)
end

request = function()
    return batch
end
