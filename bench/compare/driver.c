/*
 * Load by librdkafka, with as little work of its own as possible. Built by bench/rdkafka.ts: cc -O2 driver.c -lrdkafka
 *
 *   driver produce BOOTSTRAP TOPIC PARTITIONS RECORDS BYTES [name=value ...]
 *   driver fetch   BOOTSTRAP TOPIC PARTITIONS RECORDS 0     [name=value ...]
 *   driver latency BOOTSTRAP TOPIC PARTITIONS RECORDS BYTES [name=value ...]
 *
 * name=value are librdkafka's own settings. Prints one JSON object. Produce counts from the first record handed over to the last one
 * acknowledged, fetch from the first record that arrives to the last; connections and metadata are set up before.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A read waits until it is full: the numbers of records are multiples of it. */
#define READ_BATCH 1000
#define SILENCE_MS 30000

static long delivered, failed;
static char error_text[512];

static double now_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void die(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static void on_delivery(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque) {
  (void)client;
  (void)opaque;
  delivered++;
  if (message->err) {
    failed++;
    snprintf(error_text, sizeof error_text, "%s", rd_kafka_err2str(message->err));
  }
}

static rd_kafka_t *make_client(rd_kafka_type_t type, const char *bootstrap, char **settings, int count) {
  char why[512];
  rd_kafka_conf_t *conf = rd_kafka_conf_new();
  const char *base[][2] = {{"bootstrap.servers", bootstrap},
                           {"client.id", "kedge-bench"},
                           {"group.id", "kedge-bench"},
                           {"enable.auto.commit", "false"},
                           {"queue.buffering.max.messages", "1000000"}};
  int is_producer = type == RD_KAFKA_PRODUCER;
  for (size_t index = 0; index < sizeof base / sizeof *base; index++) {
    /* Settings of the other type would only be warned about. */
    if (is_producer && (index == 2 || index == 3)) continue;
    if (!is_producer && index == 4) continue;
    if (rd_kafka_conf_set(conf, base[index][0], base[index][1], why, sizeof why)) die("setting", why);
  }
  for (int index = 0; index < count; index++) {
    char *value = strchr(settings[index], '=');
    if (value == NULL) die("setting without =", settings[index]);
    *value = 0;
    if (rd_kafka_conf_set(conf, settings[index], value + 1, why, sizeof why)) die("setting", why);
  }
  if (is_producer) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
  rd_kafka_t *client = rd_kafka_new(type, conf, why, sizeof why);
  if (client == NULL) die("client", why);
  return client;
}

/* Connects and learns the leaders before the clock starts. */
static void wait_for_metadata(rd_kafka_t *client, rd_kafka_topic_t *topic) {
  const struct rd_kafka_metadata *metadata;
  rd_kafka_resp_err_t error = rd_kafka_metadata(client, 0, topic, &metadata, 10000);
  if (error) die("metadata", rd_kafka_err2str(error));
  rd_kafka_metadata_destroy(metadata);
}

static char *random_payload(size_t bytes) {
  char *payload = malloc(bytes);
  unsigned state = 12345;
  for (size_t index = 0; index < bytes; index++) {
    state = state * 1103515245u + 12345u;
    payload[index] = (char)(state >> 16);
  }
  return payload;
}

static void send_one(rd_kafka_t *client, rd_kafka_topic_t *topic, int partition, char *payload, size_t bytes) {
  /* The payload stays where it is until the end, so nothing needs to be copied. */
  while (rd_kafka_produce(topic, partition, 0, payload, bytes, NULL, 0, NULL) == -1) {
    if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) die("produce", rd_kafka_err2str(rd_kafka_last_error()));
    rd_kafka_poll(client, 10);
  }
}

static void produce(rd_kafka_t *client, const char *name, int partitions, long records, size_t bytes) {
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
  char *payload = random_payload(bytes);
  wait_for_metadata(client, topic);
  for (int partition = 0; partition < partitions; partition++) send_one(client, topic, partition, payload, bytes);
  rd_kafka_flush(client, SILENCE_MS);
  delivered = 0;

  double started = now_seconds();
  for (long index = 0; index < records; index++) {
    send_one(client, topic, (int)(index % partitions), payload, bytes);
    if ((index & 1023) == 0) rd_kafka_poll(client, 0);
  }
  long before = -1;
  double progress = now_seconds();
  while (delivered < records) {
    rd_kafka_poll(client, 10);
    if (delivered != before) progress = now_seconds();
    before = delivered;
    if (now_seconds() - progress > SILENCE_MS / 1000.0) die("produce", "no delivery report for too long");
  }
  double seconds = now_seconds() - started;
  if (failed > 0) die("delivery", error_text);
  printf("{\"records\":%ld,\"bytes\":%ld,\"seconds\":%.6f}\n", records, records * (long)bytes, seconds);
}

static void fetch(rd_kafka_t *client, const char *name, int partitions, long records) {
  rd_kafka_topic_partition_list_t *assigned = rd_kafka_topic_partition_list_new(partitions);
  for (int partition = 0; partition < partitions; partition++) {
    rd_kafka_topic_partition_list_add(assigned, name, partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
  }
  rd_kafka_poll_set_consumer(client);
  rd_kafka_assign(client, assigned);
  rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(client);
  rd_kafka_message_t **batch = malloc(READ_BATCH * sizeof *batch);
  long read = 0, bytes = 0, before = 0, before_bytes = 0;
  double started = 0;
  while (read < records) {
    ssize_t count = rd_kafka_consume_batch_queue(queue, SILENCE_MS, batch, READ_BATCH);
    if (count <= 0) die("fetch", "no record for too long");
    for (ssize_t index = 0; index < count; index++) {
      if (batch[index]->err) die("fetch", rd_kafka_message_errstr(batch[index]));
      bytes += (long)batch[index]->len;
      rd_kafka_message_destroy(batch[index]);
    }
    read += count;
    if (started == 0) {
      started = now_seconds();
      before = read;
      before_bytes = bytes;
    }
  }
  double seconds = now_seconds() - started;
  printf("{\"records\":%ld,\"bytes\":%ld,\"seconds\":%.6f}\n", read - before, bytes - before_bytes, seconds);
}

static int by_size(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return a < b ? -1 : a > b;
}

static void latency(rd_kafka_t *client, const char *name, long records, size_t bytes) {
  rd_kafka_topic_t *topic = rd_kafka_topic_new(client, name, NULL);
  char *payload = random_payload(bytes);
  wait_for_metadata(client, topic);
  long warm_up = records / 10 + 1;
  double *took = malloc((size_t)records * sizeof *took), sum = 0;
  for (long index = -warm_up; index < records; index++) {
    long wanted = delivered + 1;
    double started = now_seconds();
    send_one(client, topic, 0, payload, bytes);
    while (delivered < wanted) rd_kafka_poll(client, 1000);
    if (failed > 0) die("delivery", error_text);
    if (index < 0) continue;
    took[index] = (now_seconds() - started) * 1000;
    sum += took[index];
  }
  qsort(took, (size_t)records, sizeof *took, by_size);
  printf("{\"records\":%ld,\"meanMs\":%.4f,\"p50Ms\":%.4f,\"p99Ms\":%.4f,\"maxMs\":%.4f}\n", records, sum / (double)records,
         took[records / 2], took[records * 99 / 100], took[records - 1]);
}

int main(int count, char **arguments) {
  if (count == 2 && strcmp(arguments[1], "version") == 0) {
    printf("%s\n", rd_kafka_version_str());
    return 0;
  }
  if (count < 7) die("usage", "driver produce|fetch|latency BOOTSTRAP TOPIC PARTITIONS RECORDS BYTES [name=value ...]");
  const char *mode = arguments[1], *topic = arguments[3];
  int partitions = atoi(arguments[4]);
  long records = atol(arguments[5]), bytes = atol(arguments[6]);
  rd_kafka_type_t type = strcmp(mode, "fetch") == 0 ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER;
  rd_kafka_t *client = make_client(type, arguments[2], arguments + 7, count - 7);
  if (strcmp(mode, "produce") == 0) produce(client, topic, partitions, records, (size_t)bytes);
  else if (strcmp(mode, "fetch") == 0) fetch(client, topic, partitions, records);
  else if (strcmp(mode, "latency") == 0) latency(client, topic, records, (size_t)bytes);
  else die("unknown mode", mode);
  /* All is measured and printed: the process ends without waiting for librdkafka's threads. */
  fflush(stdout);
  _Exit(0);
}
