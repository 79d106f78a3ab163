package kedge.chaos;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What this process is told; test/chaos/client-job.ts says what each field means. */
record Job(
    String mode,
    String bootstrap,
    String topic,
    int partitions,
    long seed,
    String history,
    double recordsPerSecond,
    Map<String, Integer> groups,
    long memberLivesMs) {

  static Job parse(String json) throws Exception {
    JsonNode node = new ObjectMapper().readTree(json);
    Map<String, Integer> groups = new HashMap<>();
    node.get("groups").forEach(one -> groups.put(one.get("group").asText(), one.get("members").asInt()));
    return new Job(
        node.get("mode").asText(),
        node.get("bootstrap").asText(),
        node.get("topic").asText(),
        node.get("partitions").asInt(),
        node.get("seed").asLong(),
        node.get("history").asText(),
        node.get("recordsPerS").asDouble(),
        groups,
        node.get("memberLivesMs").asLong());
  }

  List<TopicPartition> all() {
    List<TopicPartition> all = new ArrayList<>();
    for (int partition = 0; partition < partitions; partition++) all.add(new TopicPartition(topic, partition));
    return all;
  }

  /** Of every client: it comes back soon, and gives up on a request soon. */
  Map<String, Object> config(String clientId) {
    Map<String, Object> config = new HashMap<>();
    config.put("bootstrap.servers", bootstrap);
    config.put("client.id", clientId);
    config.put("reconnect.backoff.ms", 50);
    config.put("reconnect.backoff.max.ms", 300);
    config.put("request.timeout.ms", 5000);
    config.put("enable.metrics.push", false);
    return config;
  }

  Map<String, Object> consumerConfig(String clientId) {
    Map<String, Object> config = config(clientId);
    config.put("key.deserializer", ByteArrayDeserializer.class);
    config.put("value.deserializer", ByteArrayDeserializer.class);
    config.put("enable.auto.commit", false);
    config.put("auto.offset.reset", "earliest");
    config.put("default.api.timeout.ms", 5000);
    return config;
  }
}
