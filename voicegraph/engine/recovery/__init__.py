"""Recovery: what the engine does when a node fails, so that the caller hears as little of it as can be.

* `candidates`: the nodes that can do a piece of work: the one in the graph, and those that stand in for it
* `feed`: what a request is about, kept so that another candidate can take it up
* `attempt`: one candidate at work, in a task of its own, which may hang without holding anybody up
* `request`: deadlines, retries, fall-back and hedging for what answers a frame or a turn
* `resume`: where the next candidate has to go on, so that nothing is said twice and nothing is lost
* `speaking`: a voice, whose known phrases are replayed without a provider
* `listening`: the same for what listens as long as the call lasts: the caller's last words are played to the next one
* `care`: what is said and done for the caller meanwhile, and when nothing has helped
* `breakers`: what the process knows of a provider's health, so that the hundredth call need not find out again
"""
