package kedge.chaos;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.clients.producer.Callback;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.protocol.Errors;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** One producer that sends at a steady pace and writes down what becomes of each record. */
final class ChaosProducer implements Runnable {
  private static final int MOST_UNDER_WAY = 2000;
  private static final int STEP_MS = 50;
  /** Error codes after which a record certainly isn't in the log. */
  private static final Set<Integer> REFUSALS = Set.of(10, 87);

  record How(String name, boolean idempotent, String acks, boolean retries, boolean ordered, Map<String, Object> config) {}

  private final Job job;
  private final History history;
  private final How how;
  private final double recordsPerSecond;
  private final Random random;
  private final AtomicInteger underWay = new AtomicInteger();
  private volatile boolean finishing;
  private long number;

  ChaosProducer(Job job, History history, How how, double recordsPerSecond) {
    this.job = job;
    this.history = history;
    this.how = how;
    this.recordsPerSecond = recordsPerSecond;
    this.random = new Random(job.seed() + how.name().hashCode());
  }

  void finish() {
    finishing = true;
  }

  @Override
  public void run() {
    Map<String, Object> config = job.config(how.name());
    config.put("enable.idempotence", how.idempotent());
    config.put("acks", how.acks());
    config.put("delivery.timeout.ms", how.retries() ? 600_000 : 10_000);
    config.put("max.block.ms", 600_000);
    if (!how.retries()) config.put("retries", 0);
    config.putAll(how.config());
    KafkaProducer<byte[], byte[]> producer = new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    double due = 0;
    while (!finishing) {
      due += recordsPerSecond * STEP_MS / 1000;
      for (; due >= 1 && !finishing; due--) if (underWay.get() < MOST_UNDER_WAY) send(producer);
      pause();
    }
    producer.close(Duration.ofSeconds(60));
  }

  private void send(KafkaProducer<byte[], byte[]> producer) {
    long order = number++;
    String id = how.name() + "#" + order;
    TopicPartition partition = new TopicPartition(job.topic(), random.nextInt(job.partitions()));
    byte[] value = Values.valueOf(id).getBytes(StandardCharsets.UTF_8);
    long invokedMs = System.currentTimeMillis();
    underWay.incrementAndGet();
    Callback written = (metadata, error) -> {
      underWay.decrementAndGet();
      boolean answered = error == null && !how.acks().equals("0");
      int code = error == null ? 0 : Errors.forException(error).code();
      String outcome = answered ? "acknowledged" : REFUSALS.contains(code) ? "refused" : "unknown";
      Long completedMs = outcome.equals("unknown") ? null : (Long) System.currentTimeMillis();
      ObjectNode event = History.at(History.event("produce", how.name(), invokedMs, completedMs), partition);
      event.put("acks", how.acks().equals("all") ? -1 : Integer.parseInt(how.acks())).put("idempotent", how.idempotent());
      event.put("session", how.name()).put("ordered", how.ordered()).put("order", order);
      event.put("attempts", how.retries() && !how.idempotent() ? 2 : 1).put("outcome", outcome).put("errorCode", code);
      event.put("baseOffset", answered ? metadata.offset() : -1).putArray("ids").add(id);
      history.add(event);
    };
    producer.send(new ProducerRecord<>(job.topic(), partition.partition(), null, value), written);
  }

  private static void pause() {
    try {
      Thread.sleep(STEP_MS);
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    }
  }
}
