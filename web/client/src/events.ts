// Reads a stream of server-sent events.

export interface ServerSentEvent {
  /** The id of the last event that had one. */
  id: string | undefined;
  event: string;
  /** Null if the event has only an id. */
  data: string | null;
}

/** Yields each event. An id without data is yielded, too: the gateway starts a stream with one. */
export async function* readEvents(body: ReadableStream<Uint8Array>, onChunk: () => void): AsyncGenerator<ServerSentEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let buffer = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return; // an event without its empty line is incomplete
      onChunk();
      buffer = withLineFeeds(buffer + decoder.decode(value, { stream: true }));
      for (let end = buffer.indexOf('\n\n'); end >= 0; end = buffer.indexOf('\n\n')) {
        const event = parseEvent(buffer.slice(0, end));
        buffer = buffer.slice(end + 2);
        if (event) yield event;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** A carriage return at the end stays: its line feed may come with the next chunk. */
const withLineFeeds = (text: string) => text.replace(/\r\n|\r(?!$)/g, '\n');

function parseEvent(block: string): ServerSentEvent | undefined {
  const data: string[] = [];
  let id: string | undefined;
  let event = 'message';
  for (const line of block.split('\n')) {
    const [, field, value = ''] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (field === 'data') data.push(value);
    else if (field === 'event') event = value;
    else if (field === 'id') id = value;
  }
  return data.length > 0 || id !== undefined ? { id, event, data: data.length > 0 ? data.join('\n') : null } : undefined;
}
