package kedge;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** One record of records.json; `offset` is -1 until it was read from a broker. Header entries are name and base64 value. */
record WireRecord(int partition, long offset, long timestampMs, byte[] key, byte[] value, List<List<String>> headers) {
  static WireRecord of(JsonNode node) {
    List<List<String>> headers = new ArrayList<>();
    for (JsonNode header : node.get("headers")) headers.add(List.of(header.get(0).asText(), header.get(1).asText()));
    int partition = node.get("partition").asInt();
    return new WireRecord(partition, -1, node.get("timestampMs").asLong(), bytes(node, "key"), bytes(node, "value"), headers);
  }

  WireRecord at(long newOffset) {
    return new WireRecord(partition, newOffset, timestampMs, key, value, headers);
  }

  /** All that must be equal, as text that can be compared and shown. */
  String text() {
    return String.join(" ", partition + "/" + offset, "" + timestampMs, text(key), text(value), headers.toString());
  }

  private static String text(byte[] data) {
    return data == null ? "null" : "'" + Base64.getEncoder().encodeToString(data) + "'";
  }

  private static byte[] bytes(JsonNode node, String field) {
    return node.get(field).isNull() ? null : Base64.getDecoder().decode(node.get(field).asText());
  }
}
