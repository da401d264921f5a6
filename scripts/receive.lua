-- Load for bench.py: requests that were signed beforehand, sent one after the other, and from the
-- first again when all were sent.
--
-- wrk … -s receive.lua URL -- FILE [DELAY_MS]
-- FILE holds whole HTTP requests, each followed by a NUL. With DELAY_MS, every connection rests so
-- long before each request. What was measured is printed as one line of JSON.

local requests, sent, rest = {}, 0, nil

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for request in file:read("*a"):gmatch("([^%z]+)%z") do
    requests[#requests + 1] = request
  end
  file:close()
  rest = tonumber(arguments[2])
  if rest then
    delay = function() return rest end
  end
end

function request()
  sent = sent + 1
  return requests[(sent - 1) % #requests + 1]
end

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format(
    '{"requests": %d, "seconds": %.6f, "not_2xx": %d, "broken": %d, '
      .. '"p50_ms": %.3f, "p99_ms": %.3f, "max_ms": %.3f}',
    summary.requests, summary.duration / 1e6, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, latency.max / 1e3))
end
