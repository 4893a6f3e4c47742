"""The embedded model's vocabulary: plain data, so that every process writes the same tokenizer."""

from __future__ import annotations

END = "</s>"
PAD = "<pad>"
UNKNOWN = "<unk>"

_WORDS = """
a an the and or with without in on at of to from by over under into through across around behind
beside between above below near along against inside outside up down left right is are was be
being has have its it his her their this that these those as while during then when where very
slowly quickly gently softly brightly one two three four five many several some few single pair
group row line crowd red orange yellow green blue purple pink white black gray grey brown gold
golden silver cyan magenta dark light bright pale deep warm cold soft sharp vivid colorful circle
square triangle star ring cross diamond heart ball cube sphere shape object dot block disc moves
moving move rotates rotating grows growing shrinks shrinking bounces bouncing spins spinning
slides sliding falls falling rises rising floats floating rolls rolling jumps jumping turns
turning runs running walks walking flies flying swims swimming drives driving dances dancing sits
sitting stands standing plays playing eats eating drinks drinking sleeps sleeping looks looking
opens opening closes closing burns burning glows glowing flows flowing drifts drifting person man
woman child boy girl people dog cat horse bird fish cow sheep bear elephant lion tiger rabbit fox
panda butterfly bee whale dolphin turtle dragon robot astronaut car bus train truck bicycle boat
ship plane rocket balloon bridge road street city town village house building tower castle window
door room kitchen table chair bed lamp clock book cup glass bottle plate tree forest flower grass
leaf leaves garden field mountain hill valley river lake ocean sea beach wave waves water rain
snow ice fire smoke cloud clouds sky sun moon stars night day morning evening sunset sunrise
winter summer spring autumn wind storm fog desert island rock stone sand space planet earth
background foreground wall floor screen camera shot view scene close wide aerial zoom pan tracking
slow fast motion time lapse video film animation cartoon painting realistic cinematic style apple
banana cake bread coffee tea pizza guitar piano drum umbrella hat shirt shoes ball kite toy big
small large tiny tall short long round old new young beautiful happy sad quiet busy empty full
"""

WORDS: tuple[str, ...] = tuple(dict.fromkeys(_WORDS.split()))
"""Lower-case words in a fixed order, each once; a word's place decides its token id."""
