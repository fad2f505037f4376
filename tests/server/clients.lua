-- SPDX-License-Identifier: MIT
-- wrk: every answer's status, length and body are looked at.
local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(args)
    good, bad = 0, 0
end

function request()
    return wrk.format("POST", "/whole", nil, "ball")
end

function response(status, headers, body)
    -- haproxy writes names small
    if status == 200 and body == "ball" and (headers["Content-Length"] or headers["content-length"]) == "4" then
        good = good + 1
    else
        bad = bad + 1
    end
end

function done(summary, latency, requests)
    local good, bad = 0, 0
    for _, thread in ipairs(threads) do
        good = good + thread:get("good")
        bad = bad + thread:get("bad")
    end
    local errors = summary.errors
    print(string.format("good %d bad %d errors %d", good, bad, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
