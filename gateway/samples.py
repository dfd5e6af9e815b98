"""Operations the explorer has ready for each persona."""

from __future__ import annotations

from datetime import UTC, datetime

from gateway.transport.explorer import Sample
from resolvers.cohort import latest_closed

OVERVIEW = """\
# One patient, three systems: appointments
# from the PMS, encounters from the EHR,
# engagement from the CRM.
query Overview {
  patients(first: 1) {
    edges {
      node {
        id
        name { family given }
        birthDate
        appointments(first: 5) {
          nodes { id status start serviceType { text } practitioners { name { text family given } } }
        }
        encounters(first: 5) {
          nodes { id status class { code } period { start end } reasonCode { text } }
        }
        engagement { lifecycleStage score attendanceRate satisfaction }
      }
    }
  }
}
"""

WORKLIST = """\
# Fifty patients with their appointments,
# encounters and engagement: four calls
# upstream.
query Worklist {
  patients(first: 50) {
    nodes {
      id
      name { family given }
      appointments(first: 5) { nodes { status start } }
      encounters(first: 5) { nodes { status period { start } } }
      engagement { score }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

CONTEXT = """\
# Clinical context of one patient, without
# names or notes.
query Context {
  patients(first: 1) {
    nodes {
      id
      birthDate
      gender
      conditions(first: 10) {
        nodes { code { coding { display } } clinicalStatus { coding { code } } onsetDateTime }
      }
      medications(first: 10) { nodes { status medicationCodeableConcept { coding { display } } } }
      allergies(first: 10) { nodes { code { coding { display } } criticality } }
      observations(category: "vital-signs", first: 10) {
        nodes { code { coding { display } } effectiveDateTime valueQuantity { value unit } }
      }
    }
  }
}
"""

TODAY = """\
# The book from now on, with who is coming.
query Book {
  appointments(filter: { status: ["booked"] }, first: 20) {
    nodes {
      id
      status
      start
      minutesDuration
      serviceType { text }
      locationName
      patient { id name { family given } telecom { system value } balance { amount { value currency } } }
    }
  }
}
"""

EXPECTED = """\
# Who is expected where, for another
# organization that shares in the care.
query Expected {
  appointments(filter: { status: ["booked"] }, first: 10) {
    nodes {
      id
      status
      start
      locationName
      practitioners { name { family given } }
      patient {
        id
        name { family given }
        birthDate
        encounters(first: 3) { nodes { status class { code } period { start end } } }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

MINE = """\
# Your own record.
query Mine {
  me {
    audience
    scopes
    patient {
      id
      name { text family given }
      appointments(first: 5) { nodes { status start videoUrl } }
      encounters(first: 5) { nodes { status period { start } } }
      documents(first: 3) { nodes { date type { text } } }
    }
  }
}
"""

CHANGES = """\
# Leave this open: a change of an
# appointment arrives here as it happens.
subscription Changes {
  changes(types: [APPOINTMENT]) {
    cursor
    kind
    occurred
    record { ... on Appointment { id status start } }
    patient { id }
  }
}
"""

OUTCOMES = f"""\
# How a quarter went, over all patients.
# Counts are ranges of ten; small ones
# are withheld.
query Outcomes {{
  outcomes(quarter: "{latest_closed(datetime.now(UTC).date())}") {{
    firstDay
    lastDay
    patients {{ atLeast atMost withheld }}
    kept {{ atLeast atMost withheld }}
    missed {{ atLeast atMost withheld }}
    cancelled {{ atLeast atMost withheld }}
    other {{ atLeast atMost withheld }}
    attendanceRate
    seen {{ atLeast atMost withheld }}
    followedUp {{ atLeast atMost withheld }}
    followUpRate
  }}
}}
"""

SAMPLES: tuple[Sample, ...] = (
    Sample("One patient, three systems", None, OVERVIEW),
    Sample("Changes as they happen", None, CHANGES),
    Sample("Worklist of 50 patients", "clinician", WORKLIST),
    Sample("Clinical context", "ai", CONTEXT),
    Sample("The book", "frontdesk", TODAY),
    Sample("Who is expected where", "partner", EXPECTED),
    Sample("My record", "patient", MINE),
    Sample("Outcomes of a quarter", "marketer", OUTCOMES),
)
