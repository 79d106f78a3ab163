"""Makes the streams in this folder with the reference implementations: the lz4 tool 1.9.4 and libsnappy 1.1.9 (Debian 12).
Run it as `python3 make.py` in this folder."""
import ctypes
import os
import subprocess

TEXT = "".join('{"id":%d,"name":"user-%d","ok":%s}\n' % (i, i * 7919 % 1000, "true" if i % 3 else "false") for i in range(2000)).encode()


def lz4(name, data, *flags):
    packed = subprocess.run(["lz4", "-c", *flags], input=data, capture_output=True, check=True).stdout
    open(name + ".lz4", "wb").write(packed)
    print(name, len(data), len(packed))


def noise(count):
    state, result = 2463534242, bytearray()
    for _ in range(count):
        state ^= (state << 13) & 0xFFFFFFFF
        state ^= state >> 17
        state ^= (state << 5) & 0xFFFFFFFF
        result.append(state & 0xFF)
    return bytes(result)


lz4("default", TEXT)
lz4("independent", TEXT, "-B4")
lz4("linked", TEXT, "-B4", "-BD")
lz4("checksums", TEXT, "-B4", "-BX", "--content-size")
lz4("no-checksums", TEXT, "-B5", "--no-frame-crc")
lz4("high", TEXT, "-9", "-BD")
lz4("empty", b"")
lz4("noise", noise(1000))
lz4("zeros", bytes(100000))
open("dictionary.txt", "wb").write(TEXT[:1000])
lz4("dictionary", TEXT[:2000], "-D", "dictionary.txt")
os.remove("dictionary.txt")

snappy = ctypes.CDLL("libsnappy.so.1")
snappy.snappy_max_compressed_length.restype = ctypes.c_size_t
for name, data in {"text": TEXT, "noise": noise(1000), "zeros": bytes(100000), "empty": b""}.items():
    length = ctypes.c_size_t(snappy.snappy_max_compressed_length(ctypes.c_size_t(len(data))))
    target = ctypes.create_string_buffer(length.value)
    assert snappy.snappy_compress(data, ctypes.c_size_t(len(data)), target, ctypes.byref(length)) == 0
    open(name + ".snappy", "wb").write(target.raw[: length.value])
    print(name, len(data), length.value)
