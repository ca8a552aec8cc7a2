"""Network -> Python source that reads as if a person had written it.

parts         each module of the graph as an instance: its parts, and its `forward` (`body`, `forward`, `lines`, `names`)
  -> families   instances that one class can stand for, their `forward`s as one (`joining`)
  -> plan       which families are classes, and what is written out where it is used
  -> classes    their text: what differs between instances (`parameters`, `conditions`), and what is a loop
                (`rolling`, `growth`, `rows`, `dense`)
  -> emit       the whole file, its lines broken (`layout`, `breaking`)
`inference`, `checkpointing` and `initialisers` are what else a file can be asked for.
"""
