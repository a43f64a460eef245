'use strict'

// Checks AWS signatures of version 4, which s3rver reads but does not verify.
// Written from "Signature Version 4" in the Amazon S3 API reference; proved on its example.

const { createHash, createHmac, timingSafeEqual } = require('node:crypto')

const SKEW_MS = 15 * 60 * 1000
const WEEK_S = 7 * 24 * 3600

const sha256 = (text) => createHash('sha256').update(text, 'utf8').digest('hex')
const hmac = (key, text) => createHmac('sha256', key).update(text, 'utf8').digest()
const encode = (text) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => '%' + c.charCodeAt(0).toString(16).toUpperCase())

class Refusal extends Error {
  constructor(status, code, message) {
    super(message)
    Object.assign(this, { status, code })
  }
}

function parseTime(text) {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text || '')
  if (!match) throw new Refusal(403, 'AccessDenied', 'A valid x-amz-date is required')
  const [, year, month, day, hour, minute, second] = match.map(Number)
  return Date.UTC(year, month - 1, day, hour, minute, second)
}

function readHeader(request) {
  const header = request.headers.authorization
  const match =
    /^AWS4-HMAC-SHA256 +Credential=([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/.exec(header)
  if (!match) throw new Refusal(400, 'AuthorizationHeaderMalformed', 'Not a version 4 header')
  const time = request.headers['x-amz-date']
  if (Math.abs(Date.now() - parseTime(time)) > SKEW_MS) {
    throw new Refusal(
      403,
      'RequestTimeTooSkewed',
      'The difference between the request time and the current time is too large.'
    )
  }
  return { credential: match[1], signedHeaders: match[2], signature: match[3], time }
}

function readQuery(query) {
  const time = query.get('X-Amz-Date')
  const expires = Number(query.get('X-Amz-Expires'))
  const start = parseTime(time)
  if (!(expires >= 1 && expires <= WEEK_S)) {
    throw new Refusal(400, 'AuthorizationQueryParametersError', 'X-Amz-Expires is out of range')
  }
  if (start - Date.now() > SKEW_MS) throw new Refusal(403, 'AccessDenied', 'Request is not yet valid')
  if (Date.now() > start + expires * 1000) throw new Refusal(403, 'AccessDenied', 'Request has expired')
  return {
    credential: query.get('X-Amz-Credential') || '',
    signedHeaders: query.get('X-Amz-SignedHeaders') || '',
    signature: query.get('X-Amz-Signature') || '',
    time,
  }
}

function canonicalQuery(query) {
  return [...query.entries()]
    .filter(([name]) => name !== 'X-Amz-Signature')
    .map(([name, value]) => [encode(name), encode(value)])
    .sort(([a, x], [b, y]) => (a < b ? -1 : a > b ? 1 : x < y ? -1 : x > y ? 1 : 0))
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
}

function expectedSignature(request, { path, query, claim, payload, secret }) {
  const names = claim.signedHeaders.split(';')
  if (!names.includes('host')) throw new Refusal(403, 'AccessDenied', 'The host must be signed')
  const headers = names.map((name) => `${name}:${(request.headers[name] || '').trim().replace(/ +/g, ' ')}\n`)
  // A path is encoded once for S3, and each segment by its own rule; "/" stays.
  const uri = path.split('/').map((part) => encode(decodeURIComponent(part))).join('/')
  const canonical = [
    request.method, uri, canonicalQuery(query), headers.join(''), claim.signedHeaders, payload,
  ].join('\n')
  const [, day, region, service, end] = claim.credential.split('/')
  const scope = [day, region, service, end].join('/')
  const text = ['AWS4-HMAC-SHA256', claim.time, scope, sha256(canonical)].join('\n')
  const key = [day, region, service, end].reduce(hmac, 'AWS4' + secret)
  return hmac(key, text).toString('hex')
}

/** Throws a Refusal unless `request` is signed by one of `secrets` (key id → secret). */
function verify(request, secrets) {
  const [path, search = ''] = request.url.split('?')
  const query = new URLSearchParams(search.replace(/\+/g, '%2B'))
  const byQuery = query.has('X-Amz-Algorithm')
  if (!byQuery && !request.headers.authorization) throw new Refusal(403, 'AccessDenied', 'Access Denied')
  const claim = byQuery ? readQuery(query) : readHeader(request)
  const secret = secrets[claim.credential.split('/')[0]]
  if (secret === undefined) {
    throw new Refusal(403, 'InvalidAccessKeyId', 'The AWS Access Key Id you provided does not exist in our records.')
  }
  const payload = byQuery ? 'UNSIGNED-PAYLOAD' : request.headers['x-amz-content-sha256']
  const wanted = Buffer.from(expectedSignature(request, { path, query, claim, payload, secret }))
  const given = Buffer.from(claim.signature)
  if (wanted.length !== given.length || !timingSafeEqual(wanted, given)) {
    throw new Refusal(
      403,
      'SignatureDoesNotMatch',
      'The request signature we calculated does not match the signature you provided.'
    )
  }
}

module.exports = { Refusal, verify }
