/** Proxies as curl(1) reads them from the environment; Retry-After as RFC 9110 §10.2.3 has it. */
import assert from 'node:assert/strict';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { HttpConnection, type HttpFetchOptions } from '../../../src/backends/http/connection';
import { retryAfterSeconds } from '../../../src/backends/http/failure';
import { transportErrorIn } from '../../../src/backends/http/transport-error';
import { LoopbackServer } from '../../support/loopback-server';

/** A proxy that tunnels (CONNECT) to one place, whatever was asked for, and tells what was asked. */
async function proxyTo(
  port: number,
  status = 200,
): Promise<{ url: string; asked: string[]; server: Server }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    response.end('plain');
  });
  server.on('connect', (request, client) => {
    asked.push(`CONNECT ${request.url ?? ''}`);
    if (status !== 200) {
      client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      return;
    }
    const upstream = connect(port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 OK\r\n\r\n');
      upstream.pipe(client);
      client.pipe(upstream);
    });
    upstream.on('error', () => client.destroy());
    client.on('error', () => upstream.destroy());
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, asked, server };
}

describe('HTTP connection', () => {
  const server = new LoopbackServer((_request, response) => {
    response.end('direct');
  });
  let connection: HttpConnection;
  before(() => server.listen());
  beforeEach(() => {
    connection = new HttpConnection();
    server.requests.length = 0;
    server.answer = (_request, response) => {
      response.end('direct');
    };
  });
  afterEach(() => connection.close());
  after(() => server.close());

  const fetched = async (url: string, options: Partial<HttpFetchOptions> = {}, init: RequestInit = {}) => {
    const response = await connection.fetchFor({ environment: {}, ...options })(url, init);
    return response.text();
  };
  const failure = async (work: Promise<unknown>) => {
    const error: unknown = await work.then(
      () => assert.fail('it did not fail'),
      (reason: unknown) => reason,
    );
    return transportErrorIn(error);
  };

  it('goes through the proxy that the attempt’s environment names, and never by the conductor’s own', async () => {
    const proxy = await proxyTo(Number(new URL(server.url).port));
    process.env['HTTP_PROXY'] = 'http://127.0.0.1:9';
    try {
      const environment = { http_proxy: proxy.url };
      assert.equal(await fetched('http://vendor.test/x', { environment }), 'direct');
      assert.deepEqual(proxy.asked, ['CONNECT vendor.test:80']);
      assert.equal(
        await fetched(server.url),
        'direct',
        'no proxy in the attempt’s environment: none is used',
      );
      assert.equal(
        await fetched(server.url, { environment }),
        'direct',
        'this machine is never behind a proxy',
      );
      assert.equal(
        await fetched('http://vendor.test/x', { environment: { ALL_PROXY: proxy.url } }),
        'direct',
      );
      assert.equal(proxy.asked.length, 2);
      const listed = { ...environment, NO_PROXY: '.test' };
      assert.equal((await failure(fetched('http://vendor.test/x', { environment: listed })))?.kind, 'dns');
      assert.equal(proxy.asked.length, 2);
    } finally {
      delete process.env['HTTP_PROXY'];
      proxy.server.close();
    }
  });

  it('tells a proxy that refuses, one that is none, and one of another kind', async () => {
    const proxy = await proxyTo(1, 407);
    const through = (http_proxy: string) =>
      failure(fetched('http://vendor.test/', { environment: { http_proxy } }));
    const refused = await through(proxy.url);
    proxy.server.close();
    assert.match(refused?.message ?? '', /proxy refused.*407.*user name and password/);
    assert.equal((await through('http://127.0.0.1:9'))?.kind, 'refused');
    assert.match((await through('socks5://127.0.0.1:9'))?.message ?? '', /no HTTP proxy/);
  });

  it('caps an answer, also one that grows when it is unpacked', async () => {
    server.answer = (_request, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      response.end(gzipSync(Buffer.alloc(5 * 1024 * 1024)));
    };
    const error = await failure(fetched(server.url, { maxBytes: 1024 * 1024 }));
    assert.deepEqual([error?.kind, error?.message], ['too_large', 'the answer is larger than 1 MiB']);
  });

  it('tells what goes on, and sends method, headers and body as given', async () => {
    const seen: string[] = [];
    server.answer = (_request, response) => {
      response.writeHead(429, { 'retry-after': '3' });
      response.end('no');
    };
    const observer = {
      sent: () => seen.push('sent'),
      answered: (status: number, headers: Headers) =>
        seen.push(`${status} ${headers.get('retry-after') ?? ''}`),
      received: (bytes: number) => seen.push(`+${bytes}`),
      ended: () => seen.push('ended'),
    };
    const init = { method: 'POST', headers: { 'x-a': 'b' }, body: '{"a":1}' };
    assert.equal(await fetched(server.url, { observer }, init), 'no');
    assert.deepEqual(seen, ['sent', '429 3', '+2', 'ended']);
    const [request] = server.requests;
    assert.deepEqual([request?.method, request?.headers['x-a'], request?.body], ['POST', 'b', { a: 1 }]);
  });

  it('ends everything when it is closed', async () => {
    const arrived = new Promise<void>((done) => {
      server.answer = () => done();
    });
    const waiting = failure(fetched(server.url));
    await arrived;
    await connection.close();
    assert.ok(await waiting);
    assert.match((await failure(fetched(server.url)))?.message ?? '', /stopping/);
  });

  it('speaks no TLS to a server that has none, and says so', async () => {
    const error = await failure(fetched(server.url.replace('http:', 'https:')));
    assert.deepEqual([error?.kind, /^TLS/.test(error?.message ?? '')], ['tls', true]);
    const environment = { NODE_EXTRA_CA_CERTS: '/nonexistent/ca.pem' };
    const missing = await failure(fetched(server.url.replace('http:', 'https:'), { environment }));
    assert.match(missing?.message ?? '', /certificates in \/nonexistent\/ca.pem cannot be read \(ENOENT\)/);
  });
});

describe('Retry-After', () => {
  const now = Date.parse('2026-11-21T06:00:00Z');
  for (const [headers, expected] of [
    [{ 'retry-after': '17' }, 17],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '1.5' }, 1.5],
    [{ 'retry-after': 'Sat, 21 Nov 2026 06:01:30 GMT' }, 90],
    [{ 'retry-after': 'Sat, 21 Nov 2026 05:00:00 GMT' }, 0],
    [{ 'retry-after': '99999999' }, 86_400],
    [{ 'retry-after-ms': '2500', 'retry-after': '9' }, 2.5],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': '-5' }, null],
    [{}, null],
  ] as const) {
    it(`${JSON.stringify(headers)} → ${expected}`, () => {
      assert.equal(retryAfterSeconds(new Headers({ ...headers }), now), expected);
    });
  }
});
