// One call: the microphone, the sound and the WebSocket. Tells what happens as events:
// `levels`, `view` (what the server shows), `ready`, `over` (why, in plain words; empty if all is well).

const FRAME = 0.02; // seconds between two frames of the microphone
const HANG_UP = 3000; // ms that the server may take to close

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
  "slow-reader": "The call ended because the connection is too slow for sound.",
  origin: "This page may not call here.",
  refused: "The call could not be set up. Please try again in a minute.",
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
  #processor;
  #socket;
  #reports = []; // what was handed to the loudspeaker and is not heard yet
  #muted = false;
  #over = false;

  /** Asks for the microphone and calls. To be called by a click: browsers play no sound before one. */
  async start() {
    try {
      if (!navigator.mediaDevices) throw new Failure("Microphones work only on pages with https, and on localhost.");
      this.#context = new AudioContext({ latencyHint: "interactive" });
      if (!(await isFree())) throw new Failure(OVER.busy);
      this.#microphone = await openMicrophone();
      if (this.#over) this.#silence(); // hung up while the browser asked
      const [track] = this.#microphone.getAudioTracks();
      track.enabled = !this.#muted;
      track.onended = () => this.#end("The microphone is gone. Connect it and start again.");
      await this.#context.audioWorklet.addModule(new URL("worklet.js", import.meta.url));
      await this.#context.resume();
      if (!this.#over) this.#connect();
    } catch (error) {
      this.#end(error instanceof Failure ? error.message : OVER.failed);
      if (!(error instanceof Failure)) console.error(error);
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

  #connect() {
    const url = new URL(`../browser${location.search}`, import.meta.url);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    this.#socket = new WebSocket(url);
    this.#socket.binaryType = "arraybuffer";
    this.#socket.onmessage = ({ data }) => {
      if (typeof data === "string") this.#told(JSON.parse(data));
      else this.#processor?.port.postMessage({ type: "sound", chunk: data }, [data]);
    };
    this.#socket.onclose = ({ reason }) => this.#end(OVER[reason] ?? (this.#processor ? OVER.lost : OVER.refused));
  }

  #told(view) {
    if (view.type === "hello") this.#open(view.rate);
    if (["clear", "pause", "resume"].includes(view.type)) this.#processor?.port.postMessage({ type: view.type });
    else this.#tell("view", view);
  }

  #open(rate) {
    const source = this.#context.createMediaStreamSource(this.#microphone);
    const options = { channelCount: 1, channelCountMode: "explicit", outputChannelCount: [1], processorOptions: { rate } };
    this.#processor = new AudioWorkletNode(this.#context, "call", options);
    this.#processor.port.onmessage = ({ data }) => this.#spoke(data);
    this.#processor.onprocessorerror = () => this.#end(OVER.failed);
    source.connect(this.#processor).connect(this.#context.destination);
    this.#tell("ready");
  }

  #spoke({ message, levels }) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(this.#asHeard(message));
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

  #silence() {
    this.#microphone?.getTracks().forEach((track) => track.stop());
    this.#processor?.disconnect();
    if (this.#context && this.#context.state !== "closed") this.#context.close();
  }

  #end(why) {
    if (this.#over) return;
    this.#over = true;
    this.#silence();
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
    const answer = await fetch(new URL("about", import.meta.url));
    return (await answer.json()).free;
  } catch {
    throw new Failure(OVER.lost);
  }
}
