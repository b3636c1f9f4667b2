#!/usr/bin/env perl
# The application is a module of its own.
use strict;
use warnings;
use Your::Application;

Your::Application->serve;
