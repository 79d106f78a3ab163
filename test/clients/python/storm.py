"""librdkafka producers for the durability storm: `storm.py BOOTSTRAP TOPIC PARTITIONS NAME`.

Two idempotent producers send to every partition without pause and go on when the broker dies and comes back at the same address. For
each delivery report one line `partition offset key` goes to stdout. A line on standard input ends it: what is under way is flushed.
"""

import hashlib
import sys
import threading

from confluent_kafka import Producer

SMALLEST_VALUE_BYTES = 20
VALUE_SIZES = 1500
MAX_UNACKNOWLEDGED = 400
FLUSH_TIMEOUT_S = 60
WRITING = threading.Lock()


def value_of(key):
    digest = hashlib.sha256(key.encode()).digest()
    size = SMALLEST_VALUE_BYTES + int.from_bytes(digest[:2], "big") % VALUE_SIZES
    return (digest * (size // len(digest) + 1))[:size]


def storm(bootstrap, topic, partitions, name, stopping):
    config = {"bootstrap.servers": bootstrap, "linger.ms": 2, "log_level": 0, "compression.type": "lz4"}
    patience = {"message.timeout.ms": 0, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20}
    producer = Producer({**config, **patience, "enable.idempotence": True})

    def delivered(error, message):
        if error is None:
            with WRITING:
                print(message.partition(), message.offset(), message.key().decode(), flush=True)
        else:
            print("error", error, file=sys.stderr, flush=True)

    number = 0
    while not stopping.is_set():
        if len(producer) < MAX_UNACKNOWLEDGED:
            key = f"{name}#{number}"
            producer.produce(topic, value_of(key), key, partition=number % partitions, on_delivery=delivered)
            number += 1
            producer.poll(0)
        else:
            producer.poll(0.01)
    left = producer.flush(FLUSH_TIMEOUT_S)
    if left:
        print(f"error {left} records were not delivered", file=sys.stderr, flush=True)


if __name__ == "__main__":
    bootstrap, topic, partitions, name = sys.argv[1:]
    stopping = threading.Event()
    producers = [
        threading.Thread(target=storm, args=(bootstrap, topic, int(partitions), f"{name}{suffix}", stopping)) for suffix in "ab"
    ]
    for producer in producers:
        producer.start()
    sys.stdin.readline()
    stopping.set()
    for producer in producers:
        producer.join()
