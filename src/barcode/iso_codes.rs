//! The codes of countries (ISO 3166) and currencies (ISO 4217).
//!
//! Written by scripts/gs1-table from the GS1 Barcode Syntax Dictionary, release 2026-01-27
//! (<https://github.com/gs1/gs1-syntax-dictionary>, Apache-2.0).

/// The numeric codes of countries: bit `n % 64` from the top of word `n / 64`.
#[rustfmt::skip]
pub(super) static COUNTRIES: [u64; 16] = [
    0x08a888898888b888,
    0x8aa80a2888888888,
    0x0888888a22232889,
    0x88188a2221e322a2,
    0x2a2a180088888888,
    0x888a888888888888,
    0x888288a2622a22a2,
    0x222222228808b888,
    0x8888970808222222,
    0x2de102888888a222,
    0x320a1b222222a203,
    0xe20808c8088888a8,
    0x8888889a89002021,
    0xe080222a00082102,
    0x0000000000000000,
    0x0000000000000000,
];
/// The numeric codes of currencies, likewise.
#[rustfmt::skip]
pub(super) static CURRENCIES: [u64; 16] = [
    0x008800008808b808,
    0x8880082080880808,
    0x0880808800220008,
    0x8010820202822000,
    0x0202000008000000,
    0x8888088888888080,
    0x088a88a262222002,
    0x022200008800a080,
    0x88080c0008220200,
    0x2022028880000020,
    0x1202000000202002,
    0xa200008000088888,
    0x0088880081002020,
    0x2080002800002200,
    0x0400000fe6adbfdf,
    0xfdfdfce225000000,
];
/// The two letters of countries as numbers, AA as 0, AB as 1 and so on, likewise.
#[rustfmt::skip]
pub(super) static COUNTRY_LETTERS: [u64; 11] = [
    0x1e9afb77f7bdbb7b,
    0xe4fc21a8012b0070,
    0x003a900df9dfa800,
    0xb160181ef00202c0,
    0x00b8d42f8281f2bf,
    0x3fffeba4d2100080,
    0x023cf1ca80000002,
    0x008a8fbfe75cddf9,
    0x59820820eaa10200,
    0x4002000000000800,
    0x1020020080000000,
];
