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
        match without_accents(char) {
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
            char => folded.push(char),
        }
    }
}

/// A letter without its accents, of which it may have several.
fn without_accents(mut char: char) -> char {
    while !char.is_ascii()
        && let Some(plain) = PLAIN.get(&char)
    {
        char = *plain;
    }
    char
}

/// Each letter with an accent, and the letter without, or with fewer.
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
    οόὀὁὂὃὄὅὸό ρῤῥ σς υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ ϒϓϔ \
    аӑӓ гѓ еѐёӗ әӛ жӂӝ зӟ ийѝӣӥ кќ оӧ өӫ уўӯӱӳ чӵ ыӹ эӭ ії ѵѷ";

#[cfg(test)]
mod tests {
    use super::*;

    /// Each lower-case letter of the Latin, Greek and Cyrillic blocks that is decomposed in Unicode's
    /// form NFD, after the letter that is left of it without its accents.
    const NFD: &str = "\
    aàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ cçćĉċčḉ eèéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ iìíîïĩīĭįǐȉȋḭḯỉị \
    nñńņňǹṅṇṉṋ oòóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự yýÿŷȳẏẙỳỵỷỹ \
    dďḋḍḏḑḓ gĝğġģǧǵḡ hĥȟḣḥḧḩḫẖ jĵǰ kķǩḱḳḵ lĺļľḷḹḻḽ rŕŗřȑȓṙṛṝṟ sśŝşšșṡṣṥṧṩ tţťțṫṭṯṱẗ wŵẁẃẅẇẉẘ \
    zźżžẑẓẕ æǣǽ ʒǯ øǿ ʹʹ ιΐίϊἰἱἲἳἴἵἶἷὶίιῐῑῒΐῖῗ αάἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ εέἐἑἒἓἔἕὲέ \
    ηήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ οόὀὁὂὃὄὅὸό ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ ϒϓϔ \
    ийѝӣӥ еѐёӗ гѓ ії кќ уўӯӱӳ ѵѷ жӂӝ аӑӓ әӛ зӟ оӧ өӫ эӭ чӵ ыӹ bḃḅḇ fḟ mḿṁṃ pṕṗ vṽṿ xẋẍ ſẛ ρῤῥ";

    #[test]
    fn a_letter_is_found_without_any_of_its_accents() {
        for group in NFD.split_whitespace() {
            let mut letters = group.chars();
            let plain = fold(&letters.next().unwrap().to_string());
            for letter in letters {
                assert_eq!(fold(&letter.to_string()), plain, "{letter}");
            }
        }
        assert_eq!(fold("Ǿre ǽ ǣ"), "ore ae ae");
    }

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
