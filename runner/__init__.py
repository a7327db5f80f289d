"""The hub: suite -> plan -> cells -> measurements. The only package that knows the others."""
