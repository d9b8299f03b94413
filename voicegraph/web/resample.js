// Changes the sample rate of a stream: a windowed sinc, evaluated only at the samples that are kept. Holds back half its
// length, 0.3 ms at 48 kHz and 1 ms at 16 kHz. Contexts at the call's own rate would need none of this, but Firefox
// does not connect a microphone to them.

const LOBES = 16; // half the filter's length, in periods of the lower rate
const PASS = 0.9; // of the lower rate's band

export class Resampler {
  constructor(source, target) {
    const common = gcd(source, target);
    this.up = target / common;
    this.down = source / common;
    this.bank = design(this.up, this.down);
    this.taps = this.bank[0].length;
    this.held = new Float32Array(this.taps - 1); // the newest input, then what comes
    this.at = 0; // tick of the next output: `up` to an input sample, `down` to an output sample
  }

  /** How many samples have to be fed so that `count` come out. */
  needed(count) {
    const last = Math.floor((this.at + (count - 1) * this.down) / this.up) + this.taps;
    return Math.max(0, last - this.held.length);
  }

  /** The next samples, for the next samples in; no more than `most`, and the rest with the next. */
  feed(samples, most = Infinity) {
    const signal = new Float32Array(this.held.length + samples.length);
    signal.set(this.held);
    signal.set(samples, this.held.length);
    const windows = signal.length - this.taps + 1;
    const count = Math.min(most, Math.max(0, Math.ceil((windows * this.up - this.at) / this.down)));
    const made = new Float32Array(count);
    for (let n = 0; n < count; n += 1) {
      const tick = this.at + n * this.down;
      const start = Math.floor(tick / this.up);
      const filter = this.bank[tick % this.up];
      let sum = 0;
      for (let tap = 0; tap < this.taps; tap += 1) sum += filter[tap] * signal[start + tap];
      made[n] = sum;
    }
    this.at += count * this.down;
    const passed = Math.floor(this.at / this.up);
    this.at -= passed * this.up;
    this.held = signal.slice(passed);
    return made;
  }
}

/** One filter for each of the `up` places that an output can have between two inputs. */
function design(up, down) {
  if (up === down) return [Float32Array.of(1)];
  const scale = Math.min(1, up / down);
  const half = Math.ceil(LOBES / scale);
  return Array.from({ length: up }, (_, phase) => {
    const filter = Float32Array.from({ length: 2 * half }, (_, tap) => {
      const distance = tap - half + 1 - phase / up;
      return sinc(distance * scale * PASS) * blackman(distance / half);
    });
    const sum = filter.reduce((total, each) => total + each, 0);
    return filter.map((each) => each / sum); // every phase passes a constant unchanged
  });
}

function sinc(x) {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

/** Blackman's window, from -1 to 1. */
function blackman(x) {
  return Math.abs(x) >= 1 ? 0 : 0.42 + 0.5 * Math.cos(Math.PI * x) + 0.08 * Math.cos(2 * Math.PI * x);
}

function gcd(a, b) {
  return b === 0 ? a : gcd(b, a % b);
}
