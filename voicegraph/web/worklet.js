// The audio thread: the microphone in frames of 20 ms, the agent's voice out, and the count of samples that were played.
// Both directions live in one processor, so that each frame of the microphone tells how far the loudspeaker has come.

import { Resampler } from "./resample.js";

const FRAME = 0.02; // seconds
const FADE = 0.005; // seconds: a cut without a click
const HUSH = 0.94; // by which a sound that breaks off gets lower with each sample
const QUIET = 1e-4; // what nobody hears
const HEADER = 8; // bytes: position in the stream, clears done
const MUST = 1; // flag of a chunk that a clear leaves

class CallProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions: { rate } }) {
    super();
    this.fade = Math.round(FADE * rate);
    this.capture = new Resampler(sampleRate, rate);
    this.playback = new Resampler(rate, sampleRate);
    this.frame = new Int16Array(Math.round(FRAME * rate));
    this.filled = 0;
    this.energy = { mic: 0, out: 0, outSamples: 0 };
    this.queue = []; // chunks: {start, must, samples, next}, `next` the first sample that is not played
    this.tail = []; // samples that fade out behind a clear; they are no part of the stream
    this.position = 0; // in the stream: all before it was played, or dropped
    this.clears = 0;
    this.last = 0; // sample; when nothing comes behind it, it dies away
    this.rise = 1; // how loud what comes behind a silence is by now
    this.gain = 1;
    this.paused = false;
    this.port.onmessage = ({ data }) => this.told(data);
  }

  told({ type, chunk }) {
    if (type === "sound") this.queue.push(read(chunk));
    else if (type === "clear") this.clear();
    else if (type === "pause") this.paused = true;
    else if (type === "resume") this.paused = false;
  }

  clear() {
    const [first] = this.queue;
    if (first && !first.must && !this.paused) {
      const rest = first.samples.subarray(first.next, first.next + this.fade);
      this.tail = Array.from(rest, (sample, index) => (sample / 32768) * (1 - (index + 1) / rest.length));
    }
    this.last = 0;
    this.queue = this.queue.filter((chunk) => chunk.must);
    this.paused = false;
    this.clears += 1;
  }

  process([[microphone]], [[loudspeaker]]) {
    if (loudspeaker) this.play(loudspeaker);
    this.record(microphone ?? new Float32Array(loudspeaker?.length ?? 128));
    return true;
  }

  play(output) {
    const input = new Float32Array(this.playback.needed(output.length));
    const step = 1 / this.fade;
    for (let index = 0; index < input.length; index += 1) {
      this.gain = Math.min(1, Math.max(0, this.gain + (this.paused ? -step : step)));
      input[index] = this.tail.length ? this.tail.shift() : this.gain > 0 ? this.gain * this.take() : 0;
    }
    output.set(this.playback.feed(input, output.length));
    for (const sample of output) this.energy.out += sample * sample;
    this.energy.outSamples += output.length;
  }

  /** The next sample of the stream; silence when there is none. A network that stalls makes no click on either side. */
  take() {
    const [chunk] = this.queue;
    if (!chunk) {
      this.rise = 0;
      this.last = Math.abs(this.last) > QUIET ? this.last * HUSH : 0;
      return this.last;
    }
    this.rise = Math.min(1, this.rise + 1 / this.fade);
    const sample = chunk.samples[chunk.next] * this.rise;
    chunk.next += 1;
    this.position = chunk.start + chunk.next;
    if (chunk.next === chunk.samples.length) this.queue.shift();
    this.last = sample / 32768;
    return this.last;
  }

  record(input) {
    for (const sample of this.capture.feed(input)) {
      this.frame[this.filled] = Math.max(-32768, Math.min(32767, Math.round(sample * 32768)));
      this.energy.mic += sample * sample;
      this.filled += 1;
      if (this.filled === this.frame.length) this.give();
    }
  }

  give() {
    const { mic, out, outSamples } = this.energy;
    const message = new ArrayBuffer(HEADER + 2 * this.frame.length);
    new Uint32Array(message, 0, 2).set([this.position, this.clears]);
    new Int16Array(message, HEADER).set(this.frame);
    const levels = [Math.sqrt(mic / this.frame.length), Math.sqrt(out / Math.max(1, outSamples))];
    this.port.postMessage({ message, levels }, [message]);
    this.filled = 0;
    this.energy = { mic: 0, out: 0, outSamples: 0 };
  }
}

/** A message with sound from the server. */
function read(chunk) {
  const [start, flags] = new Uint32Array(chunk, 0, 2);
  return { start, must: Boolean(flags & MUST), samples: new Int16Array(chunk, HEADER), next: 0 };
}

registerProcessor("call", CallProcessor);
