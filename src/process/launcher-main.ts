import { serveLaunches } from './launcher';

process.title = 'marianne-launcher';
serveLaunches();
