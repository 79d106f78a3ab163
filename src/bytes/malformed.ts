/**
 * Bytes from outside that don't say what they claim to say: too short, a count larger than what follows, an impossible length.
 * It is caught in one place (dispatch closes the connection); nothing else may catch it to go on.
 */
export class MalformedMessageError extends Error {
  override readonly name = "MalformedMessageError";
}
