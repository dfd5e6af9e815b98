"""What the classifier finds, code by code and word by word, against a list written without its tables.

Each line is a code or a name as the terminologies have it (ICD-10-CM, SNOMED CT, RxNorm, LOINC, CPT), and the
sensitivity of v3-ActCode that who reads it would give it.
"""

from __future__ import annotations

import pytest

from policies.sensitivity import of_code, sensitivities

ICD = "http://hl7.org/fhir/sid/icd-10-cm"
SNOMED = "http://snomed.info/sct"
RXNORM = "http://www.nlm.nih.gov/research/umls/rxnorm"
LOINC = "http://loinc.org"
CPT = "http://www.ama-assn.org/go/cpt"

# fmt: off
CODED = (
    (ICD, "F10.10", "Alcohol abuse, uncomplicated", "ETHUD"),
    (ICD, "K70.30", "Alcoholic cirrhosis of liver without ascites", "ETHUD"),
    (ICD, "F11.10", "Opioid abuse, uncomplicated", "OPIOIDUD"),
    (ICD, "T40.1X1A", "Poisoning by heroin, accidental", "OPIOIDUD"),
    (ICD, "F14.20", "Cocaine dependence, uncomplicated", "SUD"),
    (ICD, "F12.90", "Cannabis use, unspecified", "SUD"),
    (ICD, "F32.1", "Major depressive disorder, single episode, moderate", "MH"),
    (ICD, "F20.9", "Schizophrenia, unspecified", "MH"),
    (ICD, "R45.851", "Suicidal ideations", "MH"),
    (ICD, "F70", "Mild intellectual disabilities", "DVD"),
    (ICD, "B20", "Human immunodeficiency virus disease", "HIV"),
    (ICD, "Z21", "Asymptomatic HIV infection status", "HIV"),
    (ICD, "A56.01", "Chlamydial cystitis and urethritis", "STD"),
    (ICD, "A63.0", "Anogenital warts", "STD"),
    (ICD, "O09.90", "Supervision of high risk pregnancy", "SEX"),
    (ICD, "Z30.09", "Counselling on contraception", "SEX"),
    (ICD, "N97.9", "Female infertility, unspecified", "SEX"),
    (ICD, "T74.11XA", "Adult physical abuse, confirmed", "SDV"),
    (ICD, "X95.9XXA", "Assault by unspecified firearm discharge", "VIO"),
    (ICD, "D57.00", "Sickle-cell disease with crisis, unspecified", "SICKLE"),
    (ICD, "Q90.9", "Down syndrome, unspecified", "GDIS"),
    (ICD, "E84.9", "Cystic fibrosis, unspecified", "GDIS"),
    (SNOMED, "7200002", "Alcoholism", "ETHUD"),
    (SNOMED, "75544000", "Opioid dependence", "OPIOIDUD"),
    (SNOMED, "191816009", "Drug dependence", "SUD"),
    (SNOMED, "35489007", "Depressive disorder", "MH"),
    (SNOMED, "58214004", "Schizophrenia", "MH"),
    (SNOMED, "86406008", "Human immunodeficiency virus infection", "HIV"),
    (SNOMED, "76272004", "Syphilis", "STD"),
    (SNOMED, "15628003", "Gonorrhoea", "STD"),
    (SNOMED, "72892002", "Normal pregnancy", "SEX"),
    (SNOMED, "17369002", "Miscarriage", "SEX"),
    (SNOMED, "706893006", "Victim of intimate partner abuse", "SDV"),
    (SNOMED, "424393004", "Reports of violence in the environment", "VIO"),
    (SNOMED, "127040003", "Sickle cell-hemoglobin SS disease", "SICKLE"),
    (SNOMED, "58756001", "Huntington's chorea", "GDIS"),
    (RXNORM, "7243", "naltrexone", "ETHUD"),
    (RXNORM, "6813", "methadone", "OPIOIDUD"),
    (RXNORM, "36437", "sertraline", "MH"),
    (RXNORM, "6448", "lithium", "MH"),
    (RXNORM, "68244", "lamivudine", "HIV"),
    (RXNORM, "6373", "levonorgestrel", "SEX"),
    (LOINC, "75626-2", "Total score, AUDIT-C", "ETHUD"),
    (LOINC, "82667-7", "Total score, DAST-10", "SUD"),
    (LOINC, "44261-6", "Total score, PHQ-9", "MH"),
    (LOINC, "20447-9", "HIV 1 RNA, viral load", "HIV"),
    (LOINC, "21613-5", "Chlamydia trachomatis DNA", "STD"),
    (LOINC, "2106-3", "Choriogonadotropin (pregnancy test), urine", "SEX"),
    (LOINC, "76504-0", "Total score, HARK", "SDV"),
    (LOINC, "21636-6", "BRCA1 gene mutations found", "GDIS"),
    (LOINC, "4625-0", "Hemoglobin S", "SICKLE"),
    (CPT, "99408", "Alcohol and substance abuse screening, 15 to 30 minutes", "SUD"),
    (CPT, "90837", "Psychotherapy, 60 minutes", "MH"),
    (CPT, "86703", "Antibody, HIV-1 and HIV-2", "HIV"),
    (CPT, "87491", "Chlamydia trachomatis, amplified probe", "STD"),
    (CPT, "59400", "Routine obstetric care with vaginal delivery", "SEX"),
    (CPT, "81162", "BRCA1 and BRCA2, full sequence", "GDIS"),
    (CPT, "99170", "Anogenital examination of a child for suspected trauma", "SDV"),
)

WORDED = (
    ("Alcoholic hepatitis", {"ETHUD"}),
    ("Naltrexone 50 MG Oral Tablet", {"ETHUD"}),
    ("Opioids in urine", {"OPIOIDUD"}),
    ("Fentanyl 0.05 MG/ML", {"OPIOIDUD"}),
    ("Drug misuse counselling", {"SUD"}),
    ("Addiction clinic", {"SUD"}),
    ("Acute cocaine intoxication", {"SUD"}),
    ("Major depression", {"MH"}),
    ("Psychiatric evaluation", {"MH"}),
    ("Post-traumatic stress", {"MH"}),
    ("Self-harm", {"MH"}),
    ("Haloperidol 5 MG Oral Tablet", {"MH"}),
    ("AIDS-related illness", {"HIV"}),
    ("Dolutegravir 50 MG", {"HIV"}),
    ("Pre-exposure prophylaxis", {"HIV"}),
    ("Efavirenz 600 MG", {"HIV"}),
    ("Gonorrhea test", {"STD"}),
    ("Trichomoniasis", {"STD"}),
    ("Prenatal visit", {"SEX"}),
    ("OB/GYN", {"SEX"}),
    ("Sterilisation counselling", {"SEX"}),
    ("Ethinyl estradiol", {"SEX"}),
    ("Domestic violence screening", {"SDV", "VIO"}),
    ("Incest", {"SDV"}),
    ("Victim support", {"VIO"}),
    ("BRCA1 analysis", {"GDIS"}),
    ("Hereditary angioedema", {"GDIS"}),
    ("Sickle cell trait", {"SICKLE"}),
)

NOTHING = (
    (ICD, "E11.9", "Type 2 diabetes mellitus without complications"),
    (ICD, "I10", "Essential hypertension"),
    (ICD, "J45.909", "Unspecified asthma, uncomplicated"),
    (SNOMED, "38341003", "Hypertensive disorder"),
    (SNOMED, "44054006", "Diabetes mellitus type 2"),
    (RXNORM, "29046", "lisinopril"),
    (RXNORM, "6809", "metformin"),
    (LOINC, "4548-4", "Hemoglobin A1c"),
    (LOINC, "8480-6", "Systolic blood pressure"),
    (CPT, "99213", "Office visit"),
    (CPT, "80061", "Lipid panel"),
)
# fmt: on


@pytest.mark.parametrize(("system", "code", "name", "about"), CODED)
def test_what_is_sensitive_by_its_code_is_found_by_the_code_alone(
    system: str, code: str, name: str, about: str
) -> None:
    assert about in of_code(system, code), name


@pytest.mark.parametrize(("text", "about"), WORDED)
def test_what_is_sensitive_by_its_name_is_found_by_the_name_alone(text: str, about: set[str]) -> None:
    assert sensitivities(text) == sensitivities(text.upper()) == about


@pytest.mark.parametrize(("system", "code", "name"), NOTHING)
def test_what_most_records_hold_is_nothing_sensitive_by_code_or_name(
    system: str, code: str, name: str
) -> None:
    assert of_code(system, code) == set()
    assert sensitivities(name) == set()
