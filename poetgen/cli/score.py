"""`poetgen score`: what each character of a poem costs."""
