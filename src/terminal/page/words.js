/** Operations in words. */

import { totalOf } from './amount.js';
import { keep, kept, parsed } from './browser.js';
import { duration, number, plainError, plainReason, t, time } from './texts.js';

/** The progress of an operation: waiting, sent, local, done, confirmed or refused. */
export function stateOf(operation, outbox, sync) {
  const { state, sent, result } = operation;
  if (state === 'refused') return 'refused';
  if (state === 'waiting') return sent ? 'sent' : 'waiting';
  if (sync.state === 'disabled' || !sync.state || !outbox.isOfThisLedger(operation)) return 'done';
  return result.seq <= sync.acked_seq ? 'confirmed' : 'local';
}

/** The same as a sentence. */
export function stateText(operation, outbox, sync) {
  const { state, error, trouble, user } = operation;
  if (state === 'refused') return t('refused', { why: plainError(error) });
  if (state === 'waiting' && user && !outbox.isOwn(operation)) return t('waitsFor', { user });
  if (trouble?.code === 'storage_unavailable') return t('retryStorage');
  if (trouble?.code === 'overloaded') return t('retryOverloaded');
  if (trouble) return t('viewerOnly');
  if (state === 'waiting' && operation.kept === false) return t('notKept');
  return t(`state.${stateOf(operation, outbox, sync)}`);
}

/** The lines that were asked for, or the ones that came of it. */
export function linesOf({ body, result }) {
  if (body.lines) return body.lines;
  if (body.sku) return [{ sku: body.sku, quantity: body.quantity ?? body.counted }];
  return result?.lines ?? [];
}

/** What waits of an item: how much is taken and added, and what was counted last. */
export function waitingText(sku, { waiting }) {
  const linesBy = (...ops) => waiting.filter(({ op }) => ops.includes(op)).flatMap(linesOf).filter((line) => line.sku === sku);
  const [counted] = linesBy('count');
  const sums = [['−', totalOf(linesBy('deduct', 'reserve'))], ['+', totalOf(linesBy('restock'))]].filter(([, sum]) => sum);
  return [...sums, ...(counted ? [['=', counted.quantity]] : [])].map(([sign, sum]) => sign + number(sum)).join(' ');
}

/** Lots of one SKU are lines of their own. */
const skusOf = (lines) => [...new Set(lines.map(({ sku }) => sku))];

/** A short form of the request; the sign says which way the stock changes. */
export function figureOf(operation) {
  const { op, result } = operation;
  const quantity = number(totalOf(linesOf(operation)));
  switch (op) {
    case 'deduct': return `−${quantity}`;
    case 'commit': return result ? `−${quantity}` : '−';
    case 'restock': return `+${quantity}`;
    case 'rollback': return result ? quantity : '';
    case 'count': return `=${quantity}`;
    default: return result || op === 'reserve' ? quantity : '';
  }
}

export function verbOf({ op, body }) {
  if (op === 'rollback') return t('undo');
  return t(op === 'deduct' && body.reason && !body.order_id ? 'writeoff' : op);
}

/** The subject of an operation. */
export function subjectOf(operation, outbox) {
  const { body, error } = operation;
  const aim = outbox.operations.find(({ id }) => id === (body.of ?? body.reservation));
  const lines = linesOf(operation);
  const [first, ...more] = skusOf(lines.length ? lines : aim ? linesOf(aim) : []);
  const sku = first ?? error?.sku ?? body.reservation ?? body.of;
  return { sku, text: more.length ? t('andMore', { sku, count: more.length }) : sku };
}

/** Further details of an operation. */
export function remarksOf({ at, body, result, undone, closed }) {
  // One of several lots would look like all of them.
  const [line] = body.lines?.length === 1 ? body.lines : [];
  const remarks = [
    time(at),
    body.order_id && t('ofOrder', { order: body.order_id }),
    line?.lot && t('lotIs', { lot: line.lot }),
    line?.serial && t('serialIs', { serial: line.serial }),
    line?.expires && t('expiresOn', { date: line.expires }),
    body.reason && reasonText(body.reason),
    result?.expires_at && !closed && t('until', { time: time(Date.parse(result.expires_at)) }),
    undone && t('undone'),
    closed && t(`closed.${closed}`),
  ];
  return remarks.filter(Boolean).join(' · ');
}

const REASONS_KEY = 'stockgate.reasons';
/** The reasons for a write-off or a short pick, as the gateway is configured, and as they were last heard of. */
let offered = kept(REASONS_KEY) ?? '[]';

/** Returns whether they are others than before. */
export function takeReasons(reasons = []) {
  const before = offered;
  offered = JSON.stringify(reasons);
  if (offered !== before) keep(REASONS_KEY, offered);
  return offered !== before;
}

/** The page has words for some of them; others are shown as they are. */
export const reasonsFor = () => parsed(offered) ?? [];

/** A reason of the page in the operator's language, also where it says what is short; any other as it is. */
export const reasonText = (reason) => t(`why.${reason}`) || reason.replace(/short (.+?): ([^;]+)/g, (_, line, why) => `${line}: ${reasonText(why)}`);

/** The outcome, for the operator. */
export function outcomeText(operation) {
  const { op, body, result } = operation;
  const lines = linesOf(operation);
  const n = totalOf(lines);
  const key = op === 'deduct' && body.reason && !body.order_id ? 'writeoff' : body.keep_rest ? 'part' : op;
  const did = lines.length > 1 && op === 'deduct' && body.order_id ? t('did.order', { count: skusOf(lines).length, order: body.order_id }) : t(`did.${key}`, { n });
  const [left, ...more] = result.lines ?? [];
  if (!left || more.length) return did;
  return `${did}${op === 'rollback' ? `: ${number(n)} × ${left.sku}` : ''} · ${t('left', { n: left.available })}`;
}

/** The state of the link as a sentence, and as a class for the colour. */
export function linkSentence({ link, sync, waiting, problem, offlineMs }) {
  if (link.state === 'locked') return ['locked', t('locked')];
  if (link.state === 'connecting') return ['connecting', t('connecting')];
  if (link.state === 'lost') {
    if (link.foreign) return ['lost', t('foreign')];
    const kept = waiting ? t('lostKept', { count: waiting }) : link.needsToken ? '' : t('lostNote');
    return ['lost', `${t('lost', { time: duration(Date.now() - link.lostAt) })} ${kept}`];
  }
  if (problem) return ['lost', t('noSaving')];
  if (sync.state === 'disabled') return ['disabled', t('disabled')];
  if (sync.state === 'online') {
    return ['online', sync.pending ? t('onlinePending', { count: sync.pending }) : t('online')];
  }
  const left = sync.pending ? t('offlinePending', { count: sync.pending }) : t('offlineNone');
  return ['offline', `${t('offline', { time: duration(offlineMs), why: plainReason(sync.reason ?? '') })} ${left}`];
}
