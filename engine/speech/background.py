"""Everyday words that compete with the phrases of a grammar.

A grammar of a few phrases and one garbage word makes a decoder hear phrases in any talk for a moment. With these words in
it, ordinary talk has something better to be. Words that a model does not know are left out, so that other languages'
models simply get none. Figures: bench/README.md.
"""

EVERYDAY_ENGLISH = tuple(  # a list of 115 literals reads worse
    """
    i you it the and that is of in what we have this not for on was do so be know they can he at with just all
    about there if but are my me no one like yes get out okay would want when up who right think then some
    don't i'm it's how going well will from need go here now your good could been see her him she as an or had
    has very more time because over any where them too only please help call back today problem day thing
    number name first last new still does did than also say said tell let take make made look give work money
    week order account phone line payment
    """.split()  # noqa: SIM905
)
