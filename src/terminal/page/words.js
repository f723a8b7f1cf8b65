/** Operations in words. */

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
  const { state, error, trouble } = operation;
  if (state === 'refused') return t.refused(plainError(error));
  if (trouble?.code === 'storage_unavailable') return t.retryStorage;
  if (trouble?.code === 'overloaded') return t.retryOverloaded;
  if (trouble) return t.viewerOnly;
  if (state === 'waiting' && !outbox.keeps) return t.notKept;
  return t[stateOf(operation, outbox, sync)];
}

/** A short form of the request; the sign says which way the stock changes. */
export function figureOf({ op, body, result }) {
  const quantity = number(body.quantity ?? body.counted ?? result?.lines?.[0]?.quantity ?? 0);
  switch (op) {
    case 'deduct': return `−${quantity}`;
    case 'commit': return result ? `−${quantity}` : '−';
    case 'restock': return `+${quantity}`;
    case 'rollback': return result ? `+${quantity}` : '+';
    case 'count': return `=${quantity}`;
    default: return result || op === 'reserve' ? quantity : '';
  }
}

export function verbOf(op) {
  return op === 'rollback' ? t.undo : t[op];
}

/** The subject of an operation. */
export function subjectOf({ body, result, error }, outbox) {
  const aim = outbox.operations.find(({ id }) => id === (body.of ?? body.reservation));
  return body.sku ?? result?.lines?.[0]?.sku ?? aim?.body.sku ?? error?.sku ?? body.reservation ?? body.of;
}

/** Further details of an operation. */
export function remarksOf({ at, body, result, undone, closed }) {
  const ends = closed && { commit: t.committed, release: t.released, expire: t.expired }[closed];
  const remarks = [
    time(at),
    body.order_id && t.ofOrder(body.order_id),
    result?.expires_at && !closed && t.until(time(Date.parse(result.expires_at))),
    undone && t.undone,
    ends,
  ];
  return remarks.filter(Boolean).join(' · ');
}

/** The outcome, for the operator. */
export function outcomeText({ op, body, result }) {
  const line = result.lines[0];
  const quantity = number(body.quantity ?? body.counted ?? line?.quantity ?? 0);
  const did = {
    deduct: t.didDeduct(quantity),
    restock: t.didRestock(quantity),
    reserve: t.didReserve(quantity),
    count: t.didCount(quantity),
    commit: t.didCommit,
    release: t.didRelease,
    rollback: t.didRollback,
  }[op];
  return line ? `${did} · ${t.left(number(line.available))}` : did;
}

/** The state of the link as a sentence, and as a class for the colour. */
export function linkSentence({ link, sync, waiting, problem, offlineMs }) {
  if (link.state === 'locked') return ['locked', t.locked];
  if (link.state === 'connecting') return ['connecting', t.connecting];
  if (link.state === 'lost') {
    if (link.foreign) return ['lost', t.foreign];
    const kept = waiting ? t.lostKept(waiting, number(waiting)) : t.lostNote;
    return ['lost', `${t.lost(duration(Date.now() - link.lostAt))} ${kept}`];
  }
  if (problem) return ['lost', t.noSaving];
  if (sync.state === 'disabled') return ['disabled', t.disabled];
  const pending = number(sync.pending ?? 0);
  if (sync.state === 'online') {
    return ['online', sync.pending ? t.onlinePending(sync.pending, pending) : t.online];
  }
  const left = sync.pending ? t.offlinePending(sync.pending, pending) : t.offlineNone;
  return ['offline', `${t.offline(duration(offlineMs), plainReason(sync.reason ?? ''))} ${left}`];
}
