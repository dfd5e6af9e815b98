"""What the log asks Redis to do in one step: Lua, which no other command comes between.

A log is a stream and a hash beside it: `epoch` names the log's life, `entries` counts what was appended
in it, `last` is the newest entry's id. A stream without its hash cannot say what it lost, so it is emptied.
"""

from __future__ import annotations

_LIVE = """
local stream, state = KEYS[1], KEYS[2]
if redis.call('HSETNX', state, 'epoch', ARGV[1]) == 1 then
  redis.call('DEL', stream)
  redis.call('HSET', state, 'entries', 0, 'last', '0-0')
end
"""

APPEND = (
    _LIVE
    + """
local seen = KEYS[3]
if redis.call('EXISTS', seen) == 1 then return false end
local count = redis.call('HINCRBY', state, 'entries', 1)
local id = redis.call('XADD', stream, 'MAXLEN', ARGV[2], ARGV[3], '*', 'n', count, 'v1', ARGV[5])
redis.call('HSET', state, 'last', id)
redis.call('SET', seen, '', 'PX', ARGV[4])
return {redis.call('HGET', state, 'epoch'), tostring(count), id}
"""
)
"""KEYS: stream, hash, what remembers the key. ARGV: an epoch if there is none, how to trim (`=` or `~`), how
many to keep, for how many milliseconds the key is remembered, the entry. Gives epoch, count and id; nothing
if the key is remembered."""

READ = (
    _LIVE
    + """
local found = redis.call('HMGET', state, 'epoch', 'entries', 'last')
local start = '-'
if ARGV[2] == found[1] then start = '(' .. ARGV[3] end
found[4] = redis.call('XRANGE', stream, start, '+', 'COUNT', ARGV[4])
return found
"""
)
"""KEYS: stream, hash. ARGV: an epoch if there is none, the reader's epoch, the id it has read up to, how
many. Gives epoch, count, last id and the entries after that id; in another epoch, from the oldest on."""
