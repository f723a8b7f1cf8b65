/** Every word on the page, in each language. */

const plural = (one, many) => (n) => (n === 1 ? one : many);
const movementsEn = plural('movement', 'movements');
const movementsDe = plural('Buchung', 'Buchungen');
const wait = plural('waits', 'wait');

const en = {
  name: 'English',
  units: { s: 's', min: 'min', h: 'h', d: 'd' },

  access: 'Access',
  token: 'Access token of this terminal',
  tokenWrong: 'The gateway does not know this token.',
  keepToken: 'Keep it on this terminal',
  unlock: 'Unlock',
  leave: 'Lock this terminal',

  code: 'Scan or type a code',
  show: 'Show',
  ready: 'Ready to scan',
  readyNote: 'Scan a code, or type one and press Enter.',
  searching: 'Looking it up…',
  unknown: 'Not known here',
  unknownNote: 'Goods in creates it under this code.',
  misread: 'The code was misread or is misprinted: scan it again, or type the SKU.',
  unusable: 'This code cannot be a SKU: a SKU has at most 64 characters and no control characters.',
  unreachable: 'This terminal does not know the code, and the gateway cannot be reached now.',
  available: 'available',
  onHand: 'On hand',
  reserved: 'Reserved',

  action: 'What to do',
  deduct: 'Deduct',
  restock: 'Goods in',
  reserve: 'Reserve',
  count: 'Count',
  commit: 'Commit',
  release: 'Release',
  undo: 'Undo',
  discard: 'Discard',
  quantity: 'Quantity',
  counted: 'Counted',
  oneLess: 'One less',
  oneMore: 'One more',
  order: 'Order',
  optional: 'optional',
  language: 'Language',
  atOnce: 'Every scan deducts at once',
  doDeduct: (n) => `Deduct ${n}`,
  doRestock: (n) => `Add ${n}`,
  doReserve: (n) => `Reserve ${n}`,
  doCount: (n) => `Set the stock to ${n}`,
  scanFirst: 'Scan or type a code first.',
  scanAgain: 'Scan again, or set a quantity.',
  tooMuch: (n) => `More than the ${n} available.`,
  badQuantity: 'The quantity must be a whole number from 1 to 1,000,000,000.',
  badCount: 'The count must be a whole number, 0 or more.',
  badOrder: 'An order or a reservation must have at most 64 characters.',
  viewerOnly: 'This token is read-only.',

  operations: 'Last operations',
  noOperations: 'None yet.',
  undoLast: 'Undo last',
  byNumber: 'Commit or release by number',
  reservation: 'Number of the reservation',
  ofOrder: (order) => `order ${order}`,
  didDeduct: (n) => `${n} deducted`,
  didRestock: (n) => `${n} added`,
  didReserve: (n) => `${n} reserved`,
  didCount: (n) => `Stock set to ${n}`,
  didCommit: 'Reservation committed',
  didRelease: 'Reservation released',
  didRollback: 'Deduction undone',
  left: (n) => `${n} available`,
  until: (time) => `until ${time}`,
  undone: 'undone',
  committed: 'committed',
  released: 'released',
  expired: 'expired',
  waiting: 'Waits on this terminal',
  sent: 'Sent, no answer yet',
  local: 'Done, not yet at the hub',
  done: 'Done',
  confirmed: 'Confirmed by the hub',
  refused: (why) => `Refused: ${why}`,
  notKept: 'This browser cannot store it: leave the page open.',
  retryOverloaded: 'The gateway is busy. This is sent again.',
  retryStorage: 'The gateway cannot save now. Nothing was changed; this is sent again.',

  low: 'Low stock',
  threshold: 'At most',
  lowNone: 'Nothing is low.',
  lowMore: (n) => `and ${n} more`,

  connecting: 'Connecting to the gateway…',
  locked: 'Locked: an access token is needed.',
  lost: (time) => `No connection to the gateway for ${time}.`,
  lostKept: (n, text) => `${text} ${wait(n)} here and will be sent.`,
  lostNote: 'What you enter is kept here and sent later.',
  foreign: 'The gateway does not serve pages from this address. Ask its operator for the right address.',
  noSaving: 'The gateway cannot save now: nothing can be changed. What you enter is sent again.',
  disabled: 'Ready. No hub is set up; everything stays on this gateway.',
  online: 'Online. The hub has confirmed everything.',
  onlinePending: (n, text) => `Online. ${text} ${movementsEn(n)} on the way to the hub.`,
  offline: (time, why) => `Offline for ${time}: ${why}.`,
  offlinePending: (n, text) => `${text} ${movementsEn(n)} waiting, deductions go on.`,
  offlineNone: 'Nothing is waiting, deductions go on.',
  reasons: {
    broker: 'broker unreachable',
    denied: 'the broker refuses this gateway',
    tls: 'no secure connection to the broker',
    broke: 'the connection to the broker was lost',
    hub: 'the hub does not answer',
    drift: 'the hub refuses the data of this gateway',
  },

  errors: {
    insufficient_stock: ({ available, requested }) => `only ${available} available, ${requested} asked for`,
    unknown_sku: ({ sku }) => `${sku} is not known here`,
    unknown_request: () => 'there is no such deduction here',
    unknown_reservation: () => 'there is no such reservation here',
    below_reserved: ({ requested }) => `${requested} counted, but more are reserved; release reservations first`,
    exceeds_deduction: ({ available }) => `more than is left of the deduction (${available})`,
    reservation_expired: () => 'the reservation has expired; reserve again',
    reservation_closed: () => 'the reservation is committed or released already',
    idempotency_conflict: () => 'its number was already used for another request',
    other: ({ message }) => `the gateway rejected it (${message})`,
  },
};

const de = {
  name: 'Deutsch',
  units: { s: 's', min: 'min', h: 'Std.', d: 'Tagen' },

  access: 'Zugang',
  token: 'Zugangstoken dieses Terminals',
  tokenWrong: 'Das Gateway kennt dieses Token nicht.',
  keepToken: 'Auf diesem Terminal behalten',
  unlock: 'Entsperren',
  leave: 'Terminal sperren',

  code: 'Code scannen oder eintippen',
  show: 'Anzeigen',
  ready: 'Bereit zum Scannen',
  readyNote: 'Code scannen, oder eintippen und Enter drücken.',
  searching: 'Wird gesucht…',
  unknown: 'Hier nicht bekannt',
  unknownNote: 'Einlagern legt den Artikel unter diesem Code an.',
  misread: 'Der Code wurde falsch gelesen oder ist fehlerhaft gedruckt: erneut scannen oder die Artikelnummer eintippen.',
  unusable: 'Dieser Code kann keine Artikelnummer sein: höchstens 64 Zeichen, kein Steuerzeichen.',
  unreachable: 'Dieses Terminal kennt den Code nicht, und das Gateway ist gerade nicht erreichbar.',
  available: 'verfügbar',
  onHand: 'Bestand',
  reserved: 'Reserviert',

  action: 'Vorgang',
  deduct: 'Entnehmen',
  restock: 'Einlagern',
  reserve: 'Reservieren',
  count: 'Zählen',
  commit: 'Entnehmen',
  release: 'Freigeben',
  undo: 'Storno',
  discard: 'Verwerfen',
  quantity: 'Menge',
  counted: 'Gezählt',
  oneLess: 'Eins weniger',
  oneMore: 'Eins mehr',
  order: 'Auftrag',
  optional: 'freiwillig',
  language: 'Sprache',
  atOnce: 'Jeder Scan entnimmt sofort',
  doDeduct: (n) => `${n} entnehmen`,
  doRestock: (n) => `${n} einlagern`,
  doReserve: (n) => `${n} reservieren`,
  doCount: (n) => `Bestand auf ${n} setzen`,
  scanFirst: 'Zuerst einen Code scannen oder eintippen.',
  scanAgain: 'Erneut scannen oder eine Menge angeben.',
  tooMuch: (n) => `Mehr als die ${n} verfügbaren.`,
  badQuantity: 'Die Menge ist eine ganze Zahl von 1 bis 1.000.000.000.',
  badCount: 'Die Zählung ist eine ganze Zahl ab 0.',
  badOrder: 'Ein Auftrag oder eine Reservierung hat höchstens 64 Zeichen.',
  viewerOnly: 'Dieses Token darf nur ansehen, nichts ändern.',

  operations: 'Letzte Vorgänge',
  noOperations: 'Noch keine.',
  undoLast: 'Letzte stornieren',
  byNumber: 'Reservierung nach Nummer',
  reservation: 'Nummer der Reservierung',
  ofOrder: (order) => `Auftrag ${order}`,
  didDeduct: (n) => `${n} entnommen`,
  didRestock: (n) => `${n} eingelagert`,
  didReserve: (n) => `${n} reserviert`,
  didCount: (n) => `Bestand auf ${n} gesetzt`,
  didCommit: 'Reservierung entnommen',
  didRelease: 'Reservierung freigegeben',
  didRollback: 'Entnahme storniert',
  left: (n) => `${n} verfügbar`,
  until: (time) => `bis ${time}`,
  undone: 'storniert',
  committed: 'entnommen',
  released: 'freigegeben',
  expired: 'abgelaufen',
  waiting: 'Wartet auf diesem Terminal',
  sent: 'Gesendet, noch keine Antwort',
  local: 'Gebucht, noch nicht in der Zentrale',
  done: 'Gebucht',
  confirmed: 'Von der Zentrale bestätigt',
  refused: (why) => `Abgelehnt: ${why}`,
  notKept: 'Dieser Browser kann es nicht behalten: Seite offen lassen.',
  retryOverloaded: 'Das Gateway ist ausgelastet; es wird erneut gesendet.',
  retryStorage: 'Das Gateway kann gerade nicht speichern; nichts wurde geändert, es wird erneut gesendet.',

  low: 'Knapper Bestand',
  threshold: 'Höchstens',
  lowNone: 'Nichts ist knapp.',
  lowMore: (n) => `und ${n} weitere`,

  connecting: 'Verbindung zum Gateway wird aufgebaut…',
  locked: 'Gesperrt: ein Zugangstoken ist nötig.',
  lost: (time) => `Seit ${time} keine Verbindung zum Gateway.`,
  lostKept: (n, text) => `${text} ${n === 1 ? 'Vorgang wartet' : 'Vorgänge warten'} hier und ${n === 1 ? 'wird' : 'werden'} noch gesendet.`,
  lostNote: 'Eingaben bleiben hier und werden später gesendet.',
  foreign: 'Das Gateway bedient unter dieser Adresse keine Seiten; die richtige kennt, wer es betreibt.',
  noSaving: 'Das Gateway kann gerade nicht speichern: nichts lässt sich ändern. Eingaben werden erneut gesendet.',
  disabled: 'Bereit. Keine Zentrale eingerichtet; alles bleibt auf diesem Gateway.',
  online: 'Online. Die Zentrale hat alles bestätigt.',
  onlinePending: (n, text) => `Online. ${text} ${movementsDe(n)} unterwegs zur Zentrale.`,
  offline: (time, why) => `Offline seit ${time}: ${why}.`,
  offlinePending: (n, text) => `${text} ${movementsDe(n)} ${n === 1 ? 'wartet' : 'warten'}, Entnahmen gehen weiter.`,
  offlineNone: 'Nichts wartet, Entnahmen gehen weiter.',
  reasons: {
    broker: 'Broker nicht erreichbar',
    denied: 'der Broker weist dieses Gateway ab',
    tls: 'keine sichere Verbindung zum Broker',
    broke: 'die Verbindung zum Broker brach ab',
    hub: 'die Zentrale antwortet nicht',
    drift: 'die Zentrale weist die Daten dieses Gateways ab',
  },

  errors: {
    insufficient_stock: ({ available, requested }) => `nur ${available} verfügbar, ${requested} verlangt`,
    unknown_sku: ({ sku }) => `${sku} ist hier nicht bekannt`,
    unknown_request: () => 'eine solche Entnahme gibt es hier nicht',
    unknown_reservation: () => 'eine solche Reservierung gibt es hier nicht',
    below_reserved: ({ requested }) => `${requested} gezählt, aber mehr sind reserviert; zuerst Reservierungen freigeben`,
    exceeds_deduction: ({ available }) => `mehr, als davon übrig ist (${available})`,
    reservation_expired: () => 'die Reservierung ist abgelaufen; neu reservieren',
    reservation_closed: () => 'die Reservierung ist schon entnommen oder freigegeben',
    idempotency_conflict: () => 'ihre Nummer wurde schon für etwas anderes verwendet',
    other: ({ message }) => `das Gateway kann es nicht verwenden (${message})`,
  },
};

const zh = {
  name: '中文',
  units: { s: '秒', min: '分钟', h: '小时', d: '天' },

  access: '访问',
  token: '本终端的访问令牌',
  tokenWrong: '网关不认识这个令牌。',
  keepToken: '保存在本终端',
  unlock: '解锁',
  leave: '锁定本终端',

  code: '扫描或输入编码',
  show: '显示',
  ready: '可以扫描',
  readyNote: '扫描编码，或输入后按回车键。',
  searching: '正在查找…',
  unknown: '此处没有该编码',
  unknownNote: '入库会以此编码新建货品。',
  misread: '编码读取有误或印刷有误：请重新扫描，或输入货号。',
  unusable: '此编码不能作为货号：最多 64 个字符，且不含控制字符。',
  unreachable: '本终端不认识该编码，且现在无法询问网关。',
  available: '可用',
  onHand: '库存',
  reserved: '已预留',

  action: '操作',
  deduct: '出库',
  restock: '入库',
  reserve: '预留',
  count: '盘点',
  commit: '出库',
  release: '释放',
  undo: '撤销',
  discard: '丢弃',
  quantity: '数量',
  counted: '实盘数量',
  oneLess: '减一',
  oneMore: '加一',
  order: '订单',
  optional: '可选',
  language: '语言',
  atOnce: '每次扫描立即出库',
  doDeduct: (n) => `出库 ${n}`,
  doRestock: (n) => `入库 ${n}`,
  doReserve: (n) => `预留 ${n}`,
  doCount: (n) => `库存设为 ${n}`,
  scanFirst: '请先扫描或输入编码。',
  scanAgain: '请再次扫描，或输入数量。',
  tooMuch: (n) => `超过可用的 ${n}。`,
  badQuantity: '数量须为 1 到 1,000,000,000 的整数。',
  badCount: '盘点数须为不小于 0 的整数。',
  badOrder: '订单号或预留号最多 64 个字符。',
  viewerOnly: '此令牌只能查看，不能更改。',

  operations: '最近操作',
  noOperations: '暂无。',
  undoLast: '撤销上一步',
  byNumber: '按编号处理预留',
  reservation: '预留编号',
  ofOrder: (order) => `订单 ${order}`,
  didDeduct: (n) => `已出库 ${n}`,
  didRestock: (n) => `已入库 ${n}`,
  didReserve: (n) => `已预留 ${n}`,
  didCount: (n) => `库存已设为 ${n}`,
  didCommit: '预留已出库',
  didRelease: '预留已释放',
  didRollback: '出库已撤销',
  left: (n) => `可用 ${n}`,
  until: (time) => `至 ${time}`,
  undone: '已撤销',
  committed: '已出库',
  released: '已释放',
  expired: '已到期',
  waiting: '在本终端等待发送',
  sent: '已发送，尚无答复',
  local: '已完成，中心尚未收到',
  done: '已完成',
  confirmed: '中心已确认',
  refused: (why) => `被拒绝：${why}`,
  notKept: '此浏览器无法保存：请勿关闭页面。',
  retryOverloaded: '网关繁忙，将再次发送。',
  retryStorage: '网关暂时无法保存；没有任何更改，将再次发送。',

  low: '库存不足',
  threshold: '不超过',
  lowNone: '没有库存不足的货品。',
  lowMore: (n) => `另有 ${n} 项`,

  connecting: '正在连接网关…',
  locked: '已锁定：需要访问令牌。',
  lost: (time) => `与网关断开已 ${time}。`,
  lostKept: (n, text) => `${text} 项操作在此等待，稍后发送。`,
  lostNote: '输入的内容保存在此，稍后发送。',
  foreign: '网关不接受来自此地址的页面；请向管理员询问正确的地址。',
  noSaving: '网关暂时无法保存：不能做任何更改。输入的内容会再次发送。',
  disabled: '就绪。未设置中心；数据只保存在此网关。',
  online: '在线。中心已确认全部记录。',
  onlinePending: (n, text) => `在线。${text} 条记录正在发往中心。`,
  offline: (time, why) => `离线已 ${time}：${why}。`,
  offlinePending: (n, text) => `${text} 条记录等待中，出库照常进行。`,
  offlineNone: '没有等待的记录，出库照常进行。',
  reasons: {
    broker: '无法连接消息代理',
    denied: '消息代理拒绝此网关',
    tls: '无法与消息代理建立安全连接',
    broke: '与消息代理的连接中断',
    hub: '中心没有答复',
    drift: '中心拒绝此网关的数据',
  },

  errors: {
    insufficient_stock: ({ available, requested }) => `只有 ${available} 可用，需要 ${requested}`,
    unknown_sku: ({ sku }) => `此处没有 ${sku}`,
    unknown_request: () => '此处没有这笔出库',
    unknown_reservation: () => '此处没有这笔预留',
    below_reserved: ({ requested }) => `实盘 ${requested}，但预留更多；请先释放预留`,
    exceeds_deduction: ({ available }) => `超过剩余数量（${available}）`,
    reservation_expired: () => '预留已到期；请重新预留',
    reservation_closed: () => '预留已出库或已释放',
    idempotency_conflict: () => '其编号已用于其他操作',
    other: ({ message }) => `网关无法处理（${message}）`,
  },
};

export const LANGUAGES = { en, de, zh };
const TAGS = { en: 'en', de: 'de', zh: 'zh-Hans' };
const HOURS = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
const KEY = 'stockgate.language';

/** The texts of the chosen language; an import of `t` follows a change. */
export let t = en;
export let language = 'en';

let figures = new Intl.NumberFormat('en');
let clock = new Intl.DateTimeFormat('en', HOURS);

/** The language in the address, else this terminal's choice, else the first of the browser's languages that the page has. */
export function pickLanguage(address, kept, preferred) {
  const asked = [new URL(address).searchParams.get('lang'), kept, ...preferred];
  const known = asked.map((tag) => (tag ?? '').slice(0, 2).toLowerCase()).find((tag) => Object.hasOwn(LANGUAGES, tag));
  return known ?? 'en';
}

export function keptLanguage() {
  try { return localStorage.getItem(KEY); } catch { return null; }
}

export function keepLanguage(chosen) {
  try { localStorage.setItem(KEY, chosen); } catch { /* it holds for this visit */ }
}

/** Switches the page to a language. */
export function setLanguage(chosen) {
  language = chosen;
  t = LANGUAGES[chosen];
  figures = new Intl.NumberFormat(chosen);
  clock = new Intl.DateTimeFormat(chosen, HOURS);
  document.documentElement.lang = TAGS[chosen];
  for (const element of document.querySelectorAll('[data-text]')) element.textContent = t[element.dataset.text];
  for (const element of document.querySelectorAll('[data-hint]')) element.placeholder = t[element.dataset.hint];
  for (const element of document.querySelectorAll('[data-label]')) element.setAttribute('aria-label', t[element.dataset.label]);
}

export const number = (value) => figures.format(value);
export const time = (ms) => clock.format(ms);

/** A time span as people say it: `40 s`, `12 min`, `5 h`, `3 d`. */
export function duration(ms) {
  const seconds = Math.max(1, Math.floor(ms / 1000));
  const steps = [[2 * 86400, 86400, 'd'], [2 * 3600, 3600, 'h'], [60, 60, 'min']];
  const [, size, unit] = steps.find(([from]) => seconds >= from) ?? [0, 1, 's'];
  return `${number(Math.floor(seconds / size))}\u00a0${t.units[unit]}`;
}

/** Why the gateway does not reach the hub, in a few plain words. */
export function plainReason(reason) {
  const kinds = [
    [/the hub refuses/, 'drift'],
    [/the hub/, 'hub'],
    [/refuses/, 'denied'],
    [/^TLS/, 'tls'],
    [/was lost:/, 'broke'],
    [/broker/, 'broker'],
  ];
  const kind = kinds.find(([words]) => words.test(reason));
  return kind ? t.reasons[kind[1]] : reason;
}

/** Why the gateway refused an operation. */
export function plainError(error) {
  const figure = (value) => (value === undefined ? '?' : number(value));
  const words = Object.hasOwn(t.errors, error.code) ? t.errors[error.code] : t.errors.other;
  return words({ ...error, available: figure(error.available), requested: figure(error.requested) });
}
