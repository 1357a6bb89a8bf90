// A WebSocket whose gateway is the test.

interface ClientMessage {
  type: string;
  id?: string;
  payload?: Record<string, unknown>;
}

export class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static readonly CLOSING = 2;
  static readonly CLOSED = 3;
  /** All sockets that were opened, in order. */
  static all: FakeSocket[] = [];

  readyState = FakeSocket.CONNECTING;
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: ((event: unknown) => void) | null = null;
  readonly sent: ClientMessage[] = [];

  constructor(readonly url: string, readonly protocol: string) {
    FakeSocket.all.push(this);
  }

  static reset(): void {
    FakeSocket.all = [];
  }

  static get last(): FakeSocket {
    const socket = FakeSocket.all.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  }

  // --- What the client calls ---

  send(text: string): void {
    this.sent.push(JSON.parse(text) as ClientMessage);
  }

  close(code = 1000, reason = ''): void {
    this.end(code, reason);
  }

  // --- What the gateway does ---

  /** Completes the handshake, and acknowledges the connection. */
  async accept(payload?: Record<string, unknown>): Promise<void> {
    this.open();
    await settle();
    this.receive({ type: 'connection_ack', ...(payload && { payload }) });
    await settle();
  }

  open(): void {
    this.readyState = FakeSocket.OPEN;
    this.onopen?.();
  }

  receive(message: ClientMessage): void {
    this.onmessage?.({ data: JSON.stringify(message) });
  }

  end(code: number, reason = ''): void {
    if (this.readyState === FakeSocket.CLOSED) return;
    this.readyState = FakeSocket.CLOSED;
    this.onclose?.({ code, reason, wasClean: code !== 1006 });
  }

  /** The messages of a type. */
  of(type: string): ClientMessage[] {
    return this.sent.filter((message) => message.type === type);
  }

  /** The variables of the subscriptions, in order. */
  get variables(): unknown[] {
    return this.of('subscribe').map(({ payload }) => payload?.variables);
  }

  #id(index: number): string {
    const id = this.of('subscribe')[index]?.id;
    if (!id) throw new Error(`no subscription ${index}`);
    return id;
  }

  next(data: unknown, { index = 0, errors }: { index?: number; errors?: unknown[] } = {}): void {
    this.receive({ type: 'next', id: this.#id(index), payload: { data, ...(errors && { errors }) } });
  }

  error(extensions: Record<string, unknown>, index = 0): void {
    const payload = [{ message: String(extensions.code), extensions }] as unknown as Record<string, unknown>;
    this.receive({ type: 'error', id: this.#id(index), payload });
  }

  complete(index = 0): void {
    this.receive({ type: 'complete', id: this.#id(index) });
  }
}

/** Lets promises settle, without moving the time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
