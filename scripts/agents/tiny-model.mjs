// Writes a GGUF model of 110 KB whose answer to every prompt is a given sentence: tiny-model.mjs FILE SENTENCE. For real model servers in tests.
import { writeFileSync } from 'node:fs';

/** Width of the model: one direction for each state of the chain, so at most this many words less one. */
const WIDTH = 32;
const ALIGNMENT = 32;
/** Value types and the tensor type of the format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md */
const TYPE = { u32: 4, i32: 5, f32: 6, bool: 7, string: 8, array: 9 };
const F32 = 0;
/** Kinds of tokens, same page. */
const KIND = { normal: 1, unknown: 2, control: 3, byte: 6 };
/** Ends the prompt, so that the first word follows whatever was asked. */
const TEMPLATE =
  "{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}assistant:";

/**
 * A llama of one layer whose attention and feed-forward parts are zero: what is left maps the last token to the next one. Each word of the sentence is a
 * token and a state of its own, which text never gives (there are no merges towards it); every other token is the state "begin".
 */
export function tinyModel(sentence) {
  const words = sentence.trim().split(/\s+/);
  if (words.length >= WIDTH || new Set(words).size !== words.length)
    throw new Error(`at most ${WIDTH - 1} words, each another`);
  const tokens = [
    ['<unk>', KIND.unknown],
    ['<s>', KIND.control],
    ['</s>', KIND.control],
    ...Array.from({ length: 256 }, (_, byte) => [
      `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`,
      KIND.byte,
    ]),
    // A space is U+2581 in this kind of vocabulary.
    ...words.map((word) => [`\u2581${word}`, KIND.normal]),
  ];
  const end = 2;
  const firstWord = 3 + 256;
  const embedding = new Float32Array(tokens.length * WIDTH);
  const output = new Float32Array(tokens.length * WIDTH);
  for (const [index] of tokens.entries()) embedding[index * WIDTH + Math.max(0, index - firstWord + 1)] = 1;
  for (let state = 0; state <= words.length; state += 1) {
    const next = state < words.length ? firstWord + state : end;
    // Far above the others: no temperature makes it say something else.
    output[next * WIDTH + state] = 20;
  }
  const zero = (...shape) => [shape, new Float32Array(shape.reduce((a, b) => a * b))];
  const ones = [[WIDTH], new Float32Array(WIDTH).fill(1)];
  const tensors = {
    'token_embd.weight': [[WIDTH, tokens.length], embedding],
    'output_norm.weight': ones,
    'output.weight': [[WIDTH, tokens.length], output],
    'blk.0.attn_norm.weight': ones,
    'blk.0.attn_q.weight': zero(WIDTH, WIDTH),
    'blk.0.attn_k.weight': zero(WIDTH, WIDTH),
    'blk.0.attn_v.weight': zero(WIDTH, WIDTH),
    'blk.0.attn_output.weight': zero(WIDTH, WIDTH),
    'blk.0.ffn_norm.weight': ones,
    'blk.0.ffn_gate.weight': zero(WIDTH, WIDTH),
    'blk.0.ffn_up.weight': zero(WIDTH, WIDTH),
    'blk.0.ffn_down.weight': zero(WIDTH, WIDTH),
  };
  return gguf(
    {
      'general.architecture': ['string', 'llama'],
      'general.name': ['string', 'tiny'],
      'general.file_type': ['u32', 0],
      'llama.context_length': ['u32', 131_072],
      'llama.embedding_length': ['u32', WIDTH],
      'llama.block_count': ['u32', 1],
      'llama.feed_forward_length': ['u32', WIDTH],
      'llama.attention.head_count': ['u32', 1],
      'llama.attention.head_count_kv': ['u32', 1],
      'llama.attention.layer_norm_rms_epsilon': ['f32', 1e-5],
      'llama.rope.dimension_count': ['u32', WIDTH],
      'llama.vocab_size': ['u32', tokens.length],
      'tokenizer.ggml.model': ['string', 'llama'],
      'tokenizer.ggml.tokens': ['array', 'string', tokens.map(([text]) => text)],
      'tokenizer.ggml.scores': ['array', 'f32', tokens.map(() => 0)],
      'tokenizer.ggml.token_type': ['array', 'i32', tokens.map(([, kind]) => kind)],
      'tokenizer.ggml.bos_token_id': ['u32', 1],
      'tokenizer.ggml.eos_token_id': ['u32', end],
      'tokenizer.ggml.unknown_token_id': ['u32', 0],
      'tokenizer.ggml.add_bos_token': ['bool', true],
      'tokenizer.ggml.add_eos_token': ['bool', false],
      'tokenizer.ggml.add_space_prefix': ['bool', false],
      'tokenizer.chat_template': ['string', TEMPLATE],
    },
    tensors,
  );
}

function gguf(values, tensors) {
  const u32 = (value) => bytes(4, (view) => view.setUint32(0, value, true));
  const u64 = (value) => bytes(8, (view) => view.setBigUint64(0, BigInt(value), true));
  const text = (value) => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);
  const encode = {
    u32,
    i32: (value) => bytes(4, (view) => view.setInt32(0, value, true)),
    f32: (value) => bytes(4, (view) => view.setFloat32(0, value, true)),
    bool: (value) => Buffer.from([value ? 1 : 0]),
    string: text,
  };
  const head = [
    Buffer.from('GGUF'),
    u32(3),
    u64(Object.keys(tensors).length),
    u64(Object.keys(values).length),
  ];
  for (const [name, [type, ...rest]] of Object.entries(values)) {
    head.push(text(name), u32(TYPE[type]));
    if (type === 'array') {
      const [of, items] = rest;
      head.push(u32(TYPE[of]), u64(items.length), ...items.map(encode[of]));
    } else head.push(encode[type](rest[0]));
  }
  let offset = 0;
  const data = [];
  for (const [name, [shape, numbers]] of Object.entries(tensors)) {
    head.push(text(name), u32(shape.length), ...shape.map(u64), u32(F32), u64(offset));
    const padded = padTo(Buffer.from(numbers.buffer));
    data.push(padded);
    offset += padded.length;
  }
  return Buffer.concat([padTo(Buffer.concat(head)), ...data]);
}

function bytes(length, write) {
  const buffer = new ArrayBuffer(length);
  write(new DataView(buffer));
  return Buffer.from(buffer);
}

function padTo(buffer) {
  const rest = buffer.length % ALIGNMENT;
  return rest === 0 ? buffer : Buffer.concat([buffer, Buffer.alloc(ALIGNMENT - rest)]);
}

if (process.argv[1] === import.meta.filename) {
  const [, , file, sentence] = process.argv;
  if (!file || !sentence) throw new Error('usage: tiny-model.mjs FILE SENTENCE');
  writeFileSync(file, tinyModel(sentence));
}
