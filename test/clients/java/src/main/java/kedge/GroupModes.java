package kedge;

import java.util.List;
import java.util.Map;

/** The ways in which members of the group scenarios take part: which protocol, and who assigns. */
final class GroupModes {
  static final String BY_EXPRESSION = "by.expression";
  /** Named in test/clients/languages.ts, too. */
  static final List<String> SCENARIOS =
      List.of(
          "group-range",
          "group-roundrobin",
          "group-sticky",
          "group-cooperative-sticky",
          "group-consumer",
          "group-consumer-range",
          "group-consumer-regex",
          "group-upgrade",
          "group-downgrade");

  private static final String PACKAGE = "org.apache.kafka.clients.consumer.";

  private GroupModes() {}

  /** What the member that joins as number {@code index} (from 0) is configured with. */
  static Map<String, Object> configOf(String scenario, int index) {
    return switch (scenario) {
      case "group" -> Map.of("session.timeout.ms", 6000, "heartbeat.interval.ms", 300);
      case "group-range" -> classic("RangeAssignor");
      case "group-roundrobin" -> classic("RoundRobinAssignor");
      case "group-sticky" -> classic("StickyAssignor");
      case "group-cooperative-sticky" -> classic("CooperativeStickyAssignor");
      case "group-consumer" -> consumer("uniform");
      case "group-consumer-range" -> consumer("range");
      case "group-consumer-regex" -> Map.of("group.protocol", "consumer", BY_EXPRESSION, true);
      case "group-upgrade" -> index == 0 ? classic("RangeAssignor") : consumer("uniform");
      case "group-downgrade" -> index == 0 ? consumer("uniform") : classic("RangeAssignor");
      default -> throw new IllegalArgumentException(scenario);
    };
  }

  private static Map<String, Object> classic(String assignor) {
    return Map.of(
        "session.timeout.ms", 6000, "heartbeat.interval.ms", 300, "partition.assignment.strategy", PACKAGE + assignor);
  }

  private static Map<String, Object> consumer(String assignor) {
    return Map.of("group.protocol", "consumer", "group.remote.assignor", assignor);
  }
}
