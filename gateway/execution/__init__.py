"""The engine: an operation and a grant become a plan, and the plan runs breadth first.

    collect   selection sets → the fields of one object type
    plan      what a plan is made of
    compile   operation × grant → plan; what it cannot see through it says
    generate  the attributes of a level → one Python function over its rows
    careful   the same, row by row, for a level on which that function met a fault
    run       a plan × loaders → data and errors
    standing  which of the errors are told, and in which order
    engine    the cache of plans, the deadline, and graphql-core for the rest

It knows GraphQL, decisions and loaders. It knows no health care.
"""
