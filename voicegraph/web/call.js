// One call: the microphone, the sound and the WebSocket. Tells what happens as events: `asking` for the microphone,
// `calling`, `levels`, `view` (what the server shows), `sound` (whether the browser plays any), and `over` (why, in
// plain words; empty if all is well).

const FRAME = 0.02; // seconds between two frames of the microphone
const HANG_UP = 3000; // ms that the server may take to close
const ANSWER = 15_000; // ms that it may take to answer
const SILENT = 15_000; // ms after which a server that sends nothing is gone; it sends something every 5 s

const OVER = {
  done: "",
  "hung-up": "",
  failed: "Something went wrong on our side, and the call could not go on. Please call again later.",
  busy: "All lines are busy. Please try again in a minute.",
  overloaded: "All lines are busy. Please try again in a minute.",
  draining: "We are about to restart. Please call again in a minute.",
  starting: "We are just starting. Please call again in a minute.",
  deadline: "We had to restart, and could not finish the call. Please call again.",
  silent: "The call ended because nothing came from this page any more.",
  unheard: "The call ended because this page played no sound.",
  "slow-reader": "The call ended because the connection is too slow for sound.",
  origin: "This page may not call here.",
  refused: "The call could not be set up. Please try again in a minute.",
  unreachable: "The server does not answer. Please check your network and try again.",
  lost: "The connection broke. Please check your network and call again.",
};

const MICROPHONE = {
  NotAllowedError: "The microphone is blocked. Allow it for this page, usually beside the address, and start again.",
  NotFoundError: "No microphone was found. Connect one and start again.",
  NotReadableError: "The microphone is used by another program. Close that and start again.",
};

export class Call extends EventTarget {
  #context;
  #microphone;
  #source;
  #processor;
  #socket;
  #told = 0; // when the server sent something last
  #reports = []; // what was handed to the loudspeaker and is not heard yet
  #muted = false;
  #over = false;
  #awake; // keeps a telephone's screen on, and the page with it
  #waking = false; // it is being asked for

  /** Asks for the microphone and calls. To be called by a click: browsers play no sound before one. */
  async start() {
    try {
      if (!navigator.mediaDevices) throw new Failure("Microphones work only on pages with https, and on localhost.");
      this.#context = new AudioContext({ latencyHint: "interactive" });
      if (!(await isFree())) throw new Failure(OVER.busy);
      if (this.#over) return;
      this.#tell("asking");
      await this.#listen();
      if (this.#over) return; // hung up while the browser asked
      this.#tell("calling");
      await this.#context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
      if (!this.#over) this.#connect();
    } catch (error) {
      this.#end(error instanceof Failure ? error.message : OVER.failed, error);
    }
  }

  mute(muted) {
    this.#muted = muted;
    this.#microphone?.getAudioTracks().forEach((track) => { track.enabled = !muted; });
  }

  hangUp() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return this.#end("");
    this.#socket.send(JSON.stringify({ type: "hang-up" }));
    this.#silence();
    setTimeout(() => this.#end(""), HANG_UP);
  }

  /** Goes on with the sound where the browser had stopped it. Some need a click or a key for that. */
  wake() {
    if (!this.#processor || this.#over) return;
    if (this.#context.state !== "running" && this.#context.state !== "closed") this.#context.resume().catch(() => {});
    this.#stayAwake();
  }

  /** Opens the microphone; another one, if that is gone in the midst of the call. */
  async #listen() {
    const microphone = await openMicrophone();
    if (this.#over) return microphone.getTracks().forEach((track) => track.stop());
    this.#microphone = microphone;
    const [track] = microphone.getAudioTracks();
    track.enabled = !this.#muted;
    track.onended = () => this.#listen().catch(() => this.#end("The microphone is gone. Connect it and call again."));
    if (this.#processor) this.#attach();
    return undefined;
  }

  #attach() {
    this.#source?.disconnect();
    this.#source = this.#context.createMediaStreamSource(this.#microphone);
    this.#source.connect(this.#processor);
  }

  #connect() {
    const url = new URL(`../browser${location.search}`, import.meta.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => {
      this.#told = performance.now();
      if (typeof data === "string") this.#read(JSON.parse(data));
      else this.#processor?.port.postMessage({ type: "sound", chunk: data }, [data]);
    };
    this.#socket.onclose = ({ reason }) => this.#end(OVER[reason] ?? (this.#processor ? OVER.lost : OVER.refused));
    setTimeout(() => { if (!this.#processor) this.#end(OVER.unreachable); }, ANSWER);
  }

  #read(view) {
    if (this.#over) return;
    if (view.type === "hello") this.#open(view.rate);
    if (["clear", "pause", "resume"].includes(view.type)) this.#processor?.port.postMessage({ type: view.type });
    else this.#tell("view", view);
  }

  #open(rate) {
    const options = { channelCount: 1, channelCountMode: "explicit", outputChannelCount: [1], processorOptions: { rate } };
    this.#processor = new AudioWorkletNode(this.#context, "call", options);
    this.#processor.port.onmessage = ({ data }) => this.#spoke(data);
    this.#processor.onprocessorerror = () => this.#end(OVER.failed);
    this.#processor.connect(this.#context.destination);
    this.#attach();
    this.#context.onstatechange = () => {
      this.#tell("sound", this.#context.state === "running");
      this.wake();
    };
    if (this.#context.state !== "running") this.#tell("sound", false);
    this.wake();
  }

  #spoke({ message, levels }) {
    if (this.#over) return;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(this.#asHeard(message));
    if (performance.now() - this.#told > SILENT) return this.#end(OVER.lost);
    this.#tell("levels", levels);
  }

  /** What was handed to the loudspeaker is heard a little later, so that is when it is told. */
  #asHeard(message) {
    const header = new Uint32Array(message, 0, 2);
    this.#reports.push([...header]);
    const late = Math.round((this.#context.outputLatency || 0) / FRAME);
    while (this.#reports.length > late + 1) this.#reports.shift();
    header.set(this.#reports[0]);
    return message;
  }

  async #stayAwake() {
    if (this.#waking || document.hidden || (this.#awake && !this.#awake.released)) return;
    this.#waking = true;
    const awake = await navigator.wakeLock?.request("screen").catch(() => undefined); // the battery may be low
    this.#waking = false;
    if (this.#over) awake?.release();
    else this.#awake = awake;
  }

  #silence() {
    this.#microphone?.getTracks().forEach((track) => track.stop());
    this.#processor?.disconnect();
    if (!this.#context || this.#context.state === "closed") return;
    this.#context.onstatechange = null;
    this.#context.close();
  }

  #end(why, error) {
    if (this.#over) return;
    this.#over = true;
    if (error && !(error instanceof Failure)) console.error(error);
    this.#silence();
    this.#awake?.release();
    this.#socket?.close();
    this.#tell("over", why);
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

class Failure extends Error {}

async function openMicrophone() {
  const audio = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    throw new Failure(MICROPHONE[error.name] ?? `The microphone cannot be used (${error.name}).`);
  }
}

/** Whether a call can be taken now. A browser does not tell a page why its WebSocket was refused. */
async function isFree() {
  try {
    const answer = await fetch(new URL("about", import.meta.url), { signal: AbortSignal.timeout(ANSWER) });
    return (await answer.json()).free;
  } catch {
    throw new Failure(OVER.unreachable);
  }
}
