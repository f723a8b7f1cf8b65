//! Text as a search compares it: letter case, accents and width make no difference.

use std::collections::HashMap;
use std::sync::LazyLock;

/// Folds a text.
#[cfg(test)]
pub(super) fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    fold_into(text, &mut folded);
    folded
}

/// Appends a folded text. Characters that are not in the table are only put into lower case.
pub(super) fn fold_into(text: &str, folded: &mut String) {
    if text.is_ascii() {
        folded.extend(text.chars().map(|char| char.to_ascii_lowercase()));
        return;
    }
    for char in text.chars().flat_map(char::to_lowercase) {
        match char {
            // Accents that follow their letter.
            '\u{300}'..='\u{36f}' => {}
            'ß' => folded.push_str("ss"),
            'æ' => folded.push_str("ae"),
            'œ' => folded.push_str("oe"),
            // Full-width forms of ASCII.
            '\u{ff01}'..='\u{ff5e}' => {
                let narrow = char::from_u32(u32::from(char) - 0xfee0).unwrap_or(char);
                folded.push(narrow.to_ascii_lowercase());
            }
            '\u{3000}' => folded.push(' '),
            char if char.is_ascii() => folded.push(char),
            char => folded.push(PLAIN.get(&char).copied().unwrap_or(char)),
        }
    }
}

/// Each letter with an accent, and the letter without.
static PLAIN: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let group = |group: &'static str| {
        let mut chars = group.chars();
        let plain = chars.next();
        chars.filter_map(move |char| Some((char, plain?)))
    };
    ACCENTED.split_whitespace().flat_map(group).collect()
});

/// Groups of a letter and what folds to it: Latin, Greek and Cyrillic.
const ACCENTED: &str = "\
    aàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ bḃḅḇ cçćĉċčḉ dðďđḋḍḏḑḓ eèéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ fḟ \
    gĝğġģǧǵḡ hĥħȟḣḥḧḩḫẖ iìíîïĩīĭįıǐȉȋɨḭḯỉị jĵǰ kķǩḱḳḵ lĺļľłḷḹḻḽ mḿṁṃ nñńņňŋǹṅṇṉṋ \
    oòóôõöøōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ pṕṗ rŕŗřȑȓṙṛṝṟ sśŝşšșṡṣṥṧṩ tţťŧțṫṭṯṱẗ \
    uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự vṽṿ wŵẁẃẅẇẉẘ xẋẍ yýÿŷȳẏẙỳỵỷỹ zźżžẑẓẕ æǣǽ øǿ ſẛ ʒǯ ʹʹ \
    αάἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ εέἐἑἒἓἔἕὲέ ηήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ ιΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ \
    οόὀὁὂὃὄὅὸό ρῤῥ σς υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ ϒϓϔ гѓ еѐё ийѝ кќ уў ії";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_accents_and_width_make_no_difference() {
        for (text, folded) in [
            ("CREAM Hanging", "cream hanging"),
            ("Crème BRÛLÉE", "creme brulee"),
            ("Cre\u{300}me", "creme"),
            ("Straße GROẞ", "strasse gross"),
            ("Łódź Çeşme Ñandú", "lodz cesme nandu"),
            ("Ærø œuf", "aero oeuf"),
            ("ΆΛΦΑ ς", "αλφα σ"),
            ("Ёлка", "елка"),
            ("Phở", "pho"),
            ("ＳＫＵ\u{3000}１", "sku 1"),
            ("螺丝", "螺丝"),
        ] {
            assert_eq!(fold(text), folded);
        }
    }
}
