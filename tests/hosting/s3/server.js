'use strict'

// An S3 server on loopback for the tests: s3rver, behind a door that checks signatures.
// Reads one JSON object from the command line, prints {"port": …} once it listens, and
// ends when its standard input does.

const options = JSON.parse(process.argv[2])

if (options.clockOffsetS) {
  const RealDate = Date
  const offsetMs = options.clockOffsetS * 1000
  global.Date = class extends RealDate {
    constructor(...given) {
      super(...(given.length ? given : [RealDate.now() + offsetMs]))
    }
    static now() {
      return RealDate.now() + offsetMs
    }
  }
}

const fs = require('node:fs')
const http = require('node:http')
const https = require('node:https')
const path = require('node:path')
const S3rver = require('s3rver')
const { Refusal, verify } = require('./signature')

const store = new S3rver({
  directory: options.directory,
  silent: true,
  vhostBuckets: false,
  configureBuckets: options.buckets.map((name) => ({ name })),
})
const answer = store.callback()
const secrets = { S3RVER: 'S3RVER' }

function refuse(response, error) {
  const body = `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${error.code}</Code><Message>${error.message}</Message></Error>`
  response.writeHead(error.status, {
    'Content-Type': 'application/xml',
    'Content-Length': Buffer.byteLength(body),
    Connection: 'close',
  })
  response.end(body)
}

function isPublic(request) {
  const bucket = request.url.split('/')[1]
  return options.publicBucket === bucket && ['GET', 'HEAD'].includes(request.method)
}

// s3rver has no AbortMultipartUpload; real stores have, and a cancelled upload must call it.
function abortUpload(request, response) {
  const match = /^\/([^/]+)\/.*\?uploadId=([0-9a-f]+)$/.exec(request.url)
  if (request.method !== 'DELETE' || !match) return false
  fs.rmSync(path.join(options.directory, match[1], '._S3rver_uploads', match[2]), { recursive: true })
  response.writeHead(204).end()
  return true
}

function handle(request, response) {
  const length = Number(request.headers['content-length'] || 0)
  response.on('close', () => {
    const { method, url } = request
    const line = { method, url, length, status: response.statusCode, type: request.headers['content-type'] }
    fs.appendFileSync(options.log, JSON.stringify(line) + '\n')
  })
  try {
    if (!isPublic(request)) verify(request, secrets)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    request.resume()
    return refuse(response, error)
  }
  if (!abortUpload(request, response)) answer(request, response)
}

store.configureBuckets().then(() => {
  const server = options.key
    ? https.createServer({ key: fs.readFileSync(options.key), cert: fs.readFileSync(options.cert) }, handle)
    : http.createServer(handle)
  server.listen(options.port || 0, '127.0.0.1', () => console.log(JSON.stringify({ port: server.address().port })))
})
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
