"""The classifier: which codes and words tell of something sensitive. This file is for compliance to review.

It finds sensitivities (v3-ActCode) where nobody labelled a row, and adds to labels where somebody did. It
errs towards finding: what it finds is withheld from programs and outreach, not from those who treat.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from policies.labels import UNKNOWN
from sources.model import CodeableConcept, Coding, ObservationComponent, Reference

ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
CPT = "http://www.ama-assn.org/go/cpt"


class Entry(NamedTuple):
    """One line: codes that tell of the same, what they tell of, and where they are from."""

    codes: str
    about: str
    source: str


# fmt: off
DIAGNOSES: tuple[Entry, ...] = (
    Entry("F10 K70 G62.1 I42.6 K29.2 K85.2 K86.0 G31.2 T51 Z71.41 Y90 R78.0 E24.4 G72.1 O99.31 P04.3 Q86.0",
          "ETHUD", "ICD-10-CM 2026: alcohol related disorders, alcoholic organ disease, counselling"),
    Entry("F11 T40.0 T40.1 T40.2 T40.3 T40.4 T40.6 R78.1 Z79.891",
          "OPIOIDUD", "ICD-10-CM 2026: opioid related disorders, poisoning by opioids, long-term opiates"),
    Entry("F12 F13 F14 F15 F16 F17 F18 F19 F55 T40 T43.6 R78 Z71.5 Z71.42 O99.32 P04.4 P96.1 Z86.48",
          "SUD", "ICD-10-CM 2026: psychoactive substance use, F10-F19 as a whole"),
    Entry("F0 F2 F3 F4 F5 F6 F9 R45.851 R45.88 T14.91 X71 X72 X73 X74 X75 X76 X77 X78 X79 X80 X81 X82 X83 "
          "Z91.5 Z86.51 Z13.3 O99.34",
          "MH", "ICD-10-CM 2026: chapter 5 but F10-F19 and F70-F89; suicidality and self-harm"),
    Entry("F7 F8", "DVD", "ICD-10-CM 2026: intellectual disabilities, developmental disorders"),
    Entry("B20 Z21 R75 Z11.4 Z71.7 Z20.6 B97.35 O98.7 Z83.0",
          "HIV", "ICD-10-CM 2026: HIV disease, status, exposure, screening and counselling"),
    Entry("A50 A51 A52 A53 A54 A55 A56 A57 A58 A59 A60 A63 A64 Z11.3 Z20.2 O98.1 O98.2 O98.3",
          "STD", "ICD-10-CM 2026: infections with a predominantly sexual mode of transmission"),
    Entry("O Z3A Z30 Z31 Z32 Z33 Z34 Z35 Z36 Z37 Z39 Z64.0 Z72.5 Z70 F52 F64 F65 F66 N46 N52 N97 N98 "
          "Z87.890 Z97.5",
          "SEX", "ICD-10-CM 2026: pregnancy, contraception, fertility, sexual function and identity"),
    Entry("T74 T76 Y07 Z69 Z04.41 Z04.42 Z04.7 Z04.81 Z62.81 Z91.41 O9A.3 O9A.4 O9A.5",
          "SDV", "ICD-10-CM 2026: abuse and sexual assault, confirmed, suspected or examined for"),
    Entry("X92 X93 X94 X95 X96 X97 X98 X99 Y00 Y01 Y02 Y03 Y04 Y08 Y09 Y35 Z65.4",
          "VIO", "ICD-10-CM 2026: assault; victim of crime"),
    Entry("D57", "SICKLE", "ICD-10-CM 2026: sickle-cell disorders"),
    Entry("Q9 Z14 Z15 Z13.7 Z31.5 G10 E84 D56",
          "GDIS", "ICD-10-CM 2026: chromosomal abnormalities, carriers, susceptibility, single-gene disease"),
)
"""ICD-10-CM (and ICD-10) codes: each stands for all that begin with it."""

CONCEPTS: tuple[Entry, ...] = (
    Entry("7200002 15167005 66590003 10939881000119105 228281002 763302001 25702006",
          "ETHUD", "SNOMED CT: alcohol use disorders, unhealthy drinking, AUDIT-C"),
    Entry("75544000 5602001 55680006 231477003 707779006",
          "OPIOIDUD", "SNOMED CT: opioid use disorders, overdose"),
    Entry("191816009 26416006 66214007 31956009 78267003 37344009 6525002 361055000 428211000124100 "
          "713106006 56876005 38670004",
          "SUD", "SNOMED CT: drug use disorders, substance use assessment, detoxification"),
    Entry("21897009 35489007 36923009 370143000 13746004 58214004 47505003 406506008 48694002 197480006 "
          "80583007 74732009 6471006 82313006 171207006 454711000124102 715252007 710841007 66347000 "
          "69322001 191736004 72366004 386810004 428361000124107",
          "MH", "SNOMED CT: mental disorders, suicidality, their screening and therapy"),
    Entry("86406008 62479008 91947003 91948008 165816005 171121004 31676001",
          "HIV", "SNOMED CT: HIV disease and status, HIV screening"),
    Entry("76272004 15628003 240589008 56335008 33839006 8098009 56717001",
          "STD", "SNOMED CT: sexually transmitted infections"),
    Entry("72892002 77386006 19169002 17369002 424441002 424619006 169762003 65200003 46706006 183996000 "
          "267020005 287664005 22633006 70317007 237238006 198992004 398254007 386639001 93000009 93461009 "
          "431868002 703118005 156073000 35999006 79586000 47200007",
          "SEX", "SNOMED CT: pregnancy and its loss, prenatal care, contraception, sterilization, gender"),
    Entry("706893006 866148006 397940009 225824003 248110007 95930005 162598000",
          "SDV", "SNOMED CT: intimate partner abuse, sexual assault, screening for domestic abuse"),
    Entry("424393004 371772001 160933000", "VIO", "SNOMED CT: violence in the environment"),
    Entry("417357006 127040003 127048005 16402000", "SICKLE", "SNOMED CT: sickle cell disease and trait"),
    Entry("58756001 190905008 41040004 412734009 405823003 445180002",
          "GDIS", "SNOMED CT: single-gene and chromosomal disorders, gene mutation carriers"),
)
"""SNOMED CT codes, one by one. What lies below them is found by its words."""

DRUGS: tuple[Entry, ...] = (
    Entry("7243 3554 82819", "ETHUD", "RxNorm ingredients: naltrexone, disulfiram, acamprosate"),
    Entry("1819 6813 7242", "OPIOIDUD", "RxNorm ingredients: buprenorphine, methadone, naloxone"),
    Entry("312941 36437 4493 2556 321988 32937 39786 72625 42347 15996 10737 6448 5093 2626 61381 51272 "
          "35636 89013 41996",
          "MH", "RxNorm: antidepressants, lithium, antipsychotics"),
    Entry("1999667 276237 300195 1721603 1433868 68244 11413 195085 719872 190521 1433877",
          "HIV", "RxNorm: antiretrovirals"),
    Entry("6691 42331 4083 6373 7514", "SEX", "RxNorm: contraceptives, abortifacients"),
)
"""RxNorm codes, one by one; clinical drugs, of which there are thousands, are found by their words."""

MEASURES: tuple[Entry, ...] = (
    Entry("75626-2 75624-7 5640-8 5643-2 74013-4", "ETHUD", "LOINC: AUDIT, ethanol"),
    Entry("82667-7 3426-4 3397-7 19295-5 3879-4 19659-2 18390-5 26814-4",
          "SUD", "LOINC: DAST-10, drugs of abuse"),
    Entry("44261-6 44249-1 55758-7 55757-9 70274-6 69737-5 73831-0 93373-9 28627-8 28635-1 34788-0 69723-5",
          "MH", "LOINC: PHQ, GAD-7, suicide risk, psychiatry notes"),
    Entry("75622-1 56888-1 7918-6 7917-8 20447-9 24467-3 25836-8 68961-2 69668-2 29893-5 5221-7 80203-3",
          "HIV", "LOINC: HIV tests, viral load, CD4 count"),
    Entry("21613-5 43304-5 24111-7 43305-2 20507-0 5292-8 22587-0 31147-2",
          "STD", "LOINC: chlamydia, gonorrhoea, syphilis"),
    Entry("82810-3 2106-3 2118-8 21198-7 11778-8 76690-7 76691-5 86645-9",
          "SEX", "LOINC: pregnancy, hCG, sexual orientation, gender identity"),
    Entry("76499-3 76500-8 76501-6 76502-4 76503-2 76504-0", "SDV", "LOINC: HARK, domestic abuse"),
    Entry("51969-4 55233-1 81247-9 21636-6 21640-8", "GDIS", "LOINC: genetic analysis reports, BRCA"),
    Entry("4625-0 6864-3", "SICKLE", "LOINC: haemoglobin S"),
)
"""LOINC codes, one by one."""

SERVICES: tuple[Entry, ...] = (
    Entry("99408-99409", "SUD", "CPT 2026: substance abuse screening and intervention"),
    Entry("90785-90899 96127-96127 96130-96146 99484-99484 99492-99494", "MH",
          "CPT 2026: psychiatry, testing"),
    Entry("86689-86689 86701-86703 87389-87391 87534-87539", "HIV", "CPT 2026: HIV tests"),
    Entry("87490-87492 87590-87592 86592-86593 86780-86780", "STD",
          "CPT 2026: sexually transmitted infections"),
    Entry("11976-11983 55250-55250 55970-55980 57170-57170 58300-58301 58321-58323 58565-58565 58600-58615 "
          "58970-58976 59000-59899 81025-81025 84702-84704",
          "SEX", "CPT 2026: contraception, fertility, maternity, abortion"),
    Entry("81105-81479 88230-88299 96040-96041", "GDIS",
          "CPT 2026: molecular pathology, cytogenetics, counselling"),
    Entry("99170-99170", "SDV", "CPT 2026: examination of a child for sexual abuse"),
)
"""CPT codes, by ranges that include both ends."""

WORDS: tuple[Entry, ...] = (
    Entry(r"alcohol\w* drinking disulfiram acamprosate naltrexone", "ETHUD", "Words for alcohol use"),
    Entry(r"opioid\w* opiate\w* methadone buprenorphine naloxone suboxone heroin fentanyl", "OPIOIDUD",
          "Words for opioid use"),
    Entry(r"substance drug.(?:abuse|misuse|dependence|use|screen\w*|treatment) addict\w* detox\w* "
          r"recovery sobriety overdose cocaine amphetamine\w* methamphetamine cannabis intoxicat\w*",
          "SUD", "Words for substance use; `recovery` is what such programs call themselves"),
    Entry(r"psych\w* mental\w* behaviou?ral depress\w* anxi\w* panic bipolar schizo\w* suicid\w* self.harm "
          r"psychotherap\w* ptsd post.?traumatic adhd autis\w* mania manic ocd anorexia bulimia "
          r"\w*sertraline fluoxetine citalopram escitalopram paroxetine venlafaxine duloxetine bupropion "
          r"trazodone mirtazapine lithium olanzapine quetiapine risperidone aripiprazole clozapine "
          r"haloperidol",
          "MH", "Words for mental health, and its drugs"),
    Entry(r"hiv aids antiretroviral\w* pre.exposure \w*tenofovir emtricitabine \w*tegravir lamivudine "
          r"zidovudine efavirenz",
          "HIV", "Words for HIV, and its drugs"),
    Entry(r"std sti stds stis chlamydia\w* gonorrh\w* syphilis venereal trichomon\w*", "STD",
          "Words for sexually transmitted infections"),
    Entry(r"sexual\w* contracept\w* iud intrauterine pregnan\w* prenatal antenatal postpartum obstetric\w* "
          r"ob.?gyn abortion miscarriage fertil\w* infertil\w* ivf sterili[sz]ation vasectomy tubal "
          r"transgender gender levonorgestrel medroxyprogesterone etonogestrel mifepristone "
          r"misoprostol ethinyl",
          "SEX", "Words for sexual and reproductive health, and its drugs"),
    Entry(r"rape assault\w* abuse abused battered domestic.violence intimate.partner incest", "SDV",
          "Words for assault and abuse"),
    Entry(r"violence violent victim", "VIO", "Words for violence"),
    Entry(r"genetic\w* brca\w* huntington\w* chromosom\w* hereditary", "GDIS", "Words for genetics"),
    Entry(r"sickle", "SICKLE", "Words for sickle cell disease"),
)
"""Words of a name or a reason, whole and in any case; a dot is any one sign."""
# fmt: on

TABLES: Mapping[str, tuple[Entry, ...]] = MappingProxyType(
    {
        "ICD-10-CM": DIAGNOSES,
        "SNOMED CT": CONCEPTS,
        "RxNorm": DRUGS,
        "LOINC": MEASURES,
        "CPT": SERVICES,
        "words": WORDS,
    }
)
"""All of it, by what the codes are of."""

Found = frozenset[str]
_NOTHING: Found = frozenset()
_UNKNOWN: Found = frozenset({UNKNOWN})


def sensitivities(value: object) -> Found:
    """What a coded element tells of: a code, a Coding, a CodeableConcept, a Reference, several, or none.

    A reference that says nothing of what it points to is unknown.

    Raises:
        TypeError: *value* is of no such type.
    """
    match value:
        case None:
            return _NOTHING
        case CodeableConcept():
            return _of_concept(value)
        case Coding():
            return _of_concept(CodeableConcept(coding=(value,)))
        case ObservationComponent():
            return sensitivities(value.code) | sensitivities(value.value_codeable_concept)
        case Reference():
            return _of_words(value.display) if value.display else _UNKNOWN
        case str():
            return _of_words(value)
        case tuple():
            return _NOTHING.union(*(sensitivities(one) for one in value))
        case _:
            raise TypeError(f"`{type(value).__name__}` can't be classified")


def _of_concept(concept: CodeableConcept) -> Found:
    texts = {concept.text, *(coding.display for coding in concept.coding)}
    words = (_of_words(text) for text in texts if text)
    codes = (of_code(coding.system, coding.code) for coding in concept.coding if coding.code)
    return _NOTHING.union(*words, *codes)


def _of_words(text: str) -> Found:
    # Most texts tell of nothing: one look says so.
    if _ANY_WORD.search(text) is None:
        return _NOTHING
    return frozenset(about for about, pattern in _PATTERNS if pattern.search(text) is not None)


@lru_cache(maxsize=65_536)
def of_code(system: str | None, code: str) -> Found:
    """What one code of a code system tells of; without its system, a code tells of nothing."""
    if system in (ICD10CM, ICD10):
        plain = code.upper().replace(".", "")
        return _NOTHING.union(*(_DIAGNOSES.get(start, _NOTHING) for start in accumulate(plain)))
    if system == CPT:
        return frozenset(about for low, high, about in _SERVICES if low <= code <= high)
    return _CODES.get(system, {}).get(code, _NOTHING)


def _by_code(entries: Iterable[Entry]) -> Mapping[str, Found]:
    by_code: dict[str, Found] = {}
    for entry in entries:
        for code in entry.codes.split():
            by_code[code] = by_code.get(code, _NOTHING) | {entry.about}
    return MappingProxyType(by_code)


def _ranges(entries: Iterable[Entry]) -> tuple[tuple[str, str, str], ...]:
    words = ((word, entry.about) for entry in entries for word in entry.codes.split())
    return tuple((low, high, about) for word, about in words for low, _, high in [word.partition("-")])


_DIAGNOSES = {code.replace(".", ""): found for code, found in _by_code(DIAGNOSES).items()}
_CODES: Mapping[str | None, Mapping[str, Found]] = MappingProxyType(
    {SNOMED: _by_code(CONCEPTS), RXNORM: _by_code(DRUGS), LOINC: _by_code(MEASURES)}
)
_SERVICES = _ranges(SERVICES)


def _any_of(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b", re.IGNORECASE)


_PATTERNS = tuple((entry.about, _any_of(entry.codes)) for entry in WORDS)
_ANY_WORD = _any_of(" ".join(entry.codes for entry in WORDS))
