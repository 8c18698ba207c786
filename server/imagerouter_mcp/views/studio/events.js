/** Server-sent events, read from a fetched answer. */

const END_OF_EVENT = /\r?\n\r?\n/;

/**
 * Yield the data of each event of a stream, and "" for each comment, until the stream ends.
 * @param {Response} answer The answer whose body is the stream.
 */
export async function* eventsOf(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const events = (rest + value).split(END_OF_EVENT);
    rest = events.pop();
    for (const event of events) yield dataOf(event);
  }
}

function dataOf(event) {
  const lines = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
  return lines.map((line) => line.slice(5).trimStart()).join("\n");
}
