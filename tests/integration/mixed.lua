-- For wrk with one thread: so many requests of several methods, and what came of them as one line of JSON.
-- Arguments after the URL and "--": the number, a file, the methods. It goes on beyond the number while the file exists.
-- wrk itself knows only a duration: it is told to end (wrk.py, SIGINT) when this script says "over".

local sizes = {1, 300, 20000}

function setup(only)
    thread = only
end

function init(args)
    total, hold, is_said = tonumber(args[1]), args[2], false
    planned, asked, answered, not_2xx, wrong_body = 0, 0, 0, 0, 0
    GET, POST, PUT = 0, 0, 0
    methods, texts, is_length = {}, {}, {[0] = true}
    for at = 3, #args do
        local method = args[at]

        table.insert(methods, method)
        texts[method] = {}
        if method == "GET" then
            texts[method][1] = wrk.format(method, "/deploy")
        else
            for _, size in ipairs(sizes) do
                is_length[size] = true
                table.insert(texts[method], wrk.format(method, "/deploy", nil, string.rep("w", size)))
            end
        end
    end
end

local function is_enough()
    local file = planned >= total and hold and io.open(hold)

    if file then
        file:close()
    elseif planned >= total then
        hold = nil
    end
    return planned >= total and not hold
end

local function say_when_over()
    if answered >= planned and not is_said then
        is_said = true
        io.write("over\n")
        io.flush()
    end
end

-- Called before each request: a connection that has nothing more to ask waits for the end.
function delay()
    if is_enough() then
        say_when_over()
        return 1000000000
    end
    planned = planned + 1
    return 0
end

function request()
    local method = methods[math.random(#methods)]

    if asked < planned then -- else wrk only tries whether this function works
        asked = asked + 1
        _G[method] = _G[method] + 1
    end
    return texts[method][math.random(#texts[method])]
end

function response(status, headers, body)
    answered = answered + 1
    if status < 200 or status > 299 then
        not_2xx = not_2xx + 1
    elseif not is_length[#body] or body ~= string.rep("w", #body) then
        wrong_body = wrong_body + 1
    end
    if is_enough() then
        say_when_over()
    end
end

function done(summary)
    local facts = {}

    for _, name in ipairs({"asked", "answered", "GET", "POST", "PUT", "not_2xx", "wrong_body"}) do
        table.insert(facts, string.format('"%s":%d', name, thread:get(name)))
    end
    for _, name in ipairs({"connect", "read", "write", "timeout"}) do
        table.insert(facts, string.format('"%s_errors":%d', name, summary.errors[name]))
    end
    print("{" .. table.concat(facts, ",") .. "}")
end
